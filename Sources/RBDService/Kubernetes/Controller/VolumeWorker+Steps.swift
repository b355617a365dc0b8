// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Kubernetes
import RBDAPI

/// The changes. Each asks for the leadership right before it is made.
extension VolumeWorker {
    /// - Returns: the objects afterwards; nil if there is nothing left to do.
    func perform(_ step: VolumeStep, _ situation: VolumeSituation, _ objects: Objects) async throws -> Objects? {
        guard let demand = situation.volume.demand else {
            guard step == .release else { return nil }
            return try await release(objects)
        }
        switch step {
        case .createImage, .growImage, .moveToTrash:
            do {
                return try await changeImage(step, demand, objects)
            } catch {
                throw failed(step, demand, objects, error)
            }
        case .remember(let id):
            let changed = try await patch(objects, imageID: id, .noted)
            if let former = situation.volume.imageID {
                report(VolumeWords.replaced(demand, former, by: id), on: objects.volume)
            }
            return changed
        case .hold(let id): return try await hold(objects, imageID: id)
        case .release: return try await release(objects)
        case .beginGrowth, .leaveToNode, .finishGrowth: return try await changeClaim(step, situation, objects)
        case .deleteVolume: return try await deleteVolume(objects)
        case .nothing, .wait, .report: return nil
        }
    }

    // MARK: Images

    private func changeImage(_ step: VolumeStep, _ demand: VolumeDemand, _ objects: Objects) async throws -> Objects {
        let name = objects.volume.metadata.name
        try requireLeadership()
        switch step {
        case .createImage:
            try await images.create(objects.volume, demand)
            metrics.count(.created)
            report(VolumeWords.created(demand), on: objects.volume)
        case .growImage:
            if try await images.grow(demand, volume: name) {
                metrics.count(.grown)
                report(VolumeWords.grown(demand), on: objects.volume)
            }
        case .moveToTrash(let id):
            let entry = try await images.moveToTrash(demand, imageID: id, volume: name) {
                try await requireUnchanged(objects.volume)
                try requireLeadership()
            }
            metrics.count(.trashed)
            report(VolumeWords.trashed(demand, entry), on: objects.volume)
        default: break
        }
        return objects
    }

    /// Waiting for the image takes time. In that time, a user may have decided to keep the image, or to let the volume
    /// go without it.
    /// - Throws: `KubernetesError` with `Conflict` if the volume is not as it was read.
    private func requireUnchanged(_ volume: StoredVolume) async throws {
        let known = volume.metadata
        do {
            let current: StoredVolume = try await client.get(named: known.name, timeLimit: Self.lastLookLimit)
            let (uid, version) = (current.metadata.uid, current.metadata.resourceVersion)
            if uid == known.uid, version == known.resourceVersion { return }
        } catch KubernetesError.Reason.notFound {
            // It is gone, or another one has its name.
        }
        throw KubernetesError(.conflict, message: "the volume has changed since it was decided to move its image")
    }

    // MARK: Volumes

    private func hold(_ objects: Objects, imageID: String) async throws -> Objects {
        let finalizers = objects.volume.metadata.finalizers.filter { $0 != WatchedVolume.finalizer }
        return try await patch(objects, finalizers: finalizers + [WatchedVolume.finalizer], imageID: imageID, .held)
    }

    /// The volume still says which image it had.
    private func release(_ objects: Objects) async throws -> Objects? {
        let metadata = objects.volume.metadata
        let finalizers = metadata.finalizers.filter { $0 != WatchedVolume.finalizer }
        let changed: Objects
        do {
            changed = try await patch(objects, finalizers: finalizers, .released)
        } catch KubernetesError.Reason.notFound {
            return nil
        }
        users.forget(metadata.name)
        return metadata.deletionTimestamp == nil ? changed : nil
    }

    /// Changes only what is given.
    private func patch(
        _ objects: Objects,
        finalizers: [String]? = nil,
        imageID: String? = nil,
        _ outcome: ControllerMetrics.Outcome
    ) async throws -> Objects {
        let metadata = objects.volume.metadata
        var change: JSONObject = ["resourceVersion": .string(metadata.resourceVersion)]
        if let finalizers { change["finalizers"] = .array(finalizers.map { JSONValue.string($0) }) }
        if let imageID { change["annotations"] = .object([WatchedVolume.imageAnnotation: .string(imageID)]) }
        try requireLeadership()
        var changed = objects
        changed.volume = try await client.patch(
            StoredVolume.self,
            named: metadata.name,
            with: .merge(["metadata": .object(change)])
        )
        metrics.count(outcome)
        return changed
    }

    /// The volume stays until its finalizer is gone.
    private func deleteVolume(_ objects: Objects) async throws -> Objects? {
        let metadata = objects.volume.metadata
        try requireLeadership()
        do {
            try await client.delete(
                StoredVolume.self,
                named: metadata.name,
                preconditions: Preconditions(uid: metadata.uid, resourceVersion: metadata.resourceVersion)
            )
        } catch KubernetesError.Reason.notFound {
            return nil
        }
        metrics.count(.deleted)
        // An event tells when it is being deleted.
        return nil
    }

    // MARK: Claims

    private func changeClaim(
        _ step: VolumeStep,
        _ situation: VolumeSituation,
        _ objects: Objects
    ) async throws -> Objects? {
        guard let claim = objects.claim, let capacity = objects.volume.capacity,
            case .there(_, let imageBytes) = situation.image
        else { return nil }
        let now = KubernetesTime.now
        let (change, words): (Patch, VolumeReport) =
            switch step {
            case .beginGrowth:
                (
                    ClaimStatus.beginning(claim, to: capacity, imageBytes: imageBytes, at: now),
                    VolumeWords.growing(to: capacity)
                )
            case .leaveToNode: (ClaimStatus.leftToNode(claim, to: capacity, at: now), VolumeWords.leftToNode)
            default: (ClaimStatus.finished(claim, at: capacity), VolumeWords.finished(at: capacity))
            }
        try requireLeadership()
        var changed = objects
        do {
            changed.claim = try await client.patch(
                PersistentVolumeClaim.self,
                named: claim.metadata.name,
                in: claim.metadata.namespace,
                subresource: "status",
                with: change
            )
        } catch KubernetesError.Reason.notFound {
            // The claim is gone, and an event tells so. The image still grows with its volume.
            changed.claim = nil
            return changed
        }
        metrics.count(.claimUpdated)
        report(words, on: claim)
        return changed
    }
}
