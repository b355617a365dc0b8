// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Kubernetes
import Naming
import RBDAPI

/// Works on one volume: it finds out what comes next, does it, and looks again, until nothing is left to do.
///
/// At first it looks only at what is in memory. So a volume with nothing to do costs no request. Before something is
/// changed, everything is read again.
struct VolumeWorker: Sendable {
    /// The objects of a volume, as they were last read.
    struct Objects: Sendable {
        var volume: StoredVolume
        /// Nil if there is none. It may be bound to another volume.
        var claim: PersistentVolumeClaim?
    }

    let client: KubernetesClient
    let volumes: ObjectStore<StoredVolume>
    let claims: ObjectStore<PersistentVolumeClaim>
    let index: VolumeIndex
    let images: VolumeImages
    let users: ImageUsers
    let recorder: EventRecorder
    let metrics: ControllerMetrics
    /// Throws if this replica is not the leader now.
    let requireLeadership: @Sendable () throws -> Void
    /// How long the work on a volume may take.
    let timeLimit: Duration

    /// More steps than any volume needs, even if others change its objects meanwhile.
    private static let maximumSteps = 16
    /// How soon a volume whose image is in use is looked at again.
    private static let useInterval = Duration.seconds(2)
    /// How soon other waits are looked at again, if no event comes.
    private static let waitInterval = Duration.seconds(60)

    /// How long the last look at a volume may take, during which nobody else can change its image.
    static let lastLookLimit = Duration.seconds(5)

    /// Others change the objects as fast as they are read.
    struct TooManySteps: Error, CustomStringConvertible {
        var description: String { "the volume has changed too often while it was looked after" }
    }

    /// - Parameter name: the name of a volume.
    func work(on name: String) async throws -> WorkResult {
        do {
            return try await Deadline.$current.withValue(.now + timeLimit) { try await steps(name) }
        } catch {
            if !(error is CancellationError) { metrics.count(.failed) }
            throw error
        }
    }

    private func steps(_ name: String) async throws -> WorkResult {
        guard let stored = volumes[ObjectKey(name: name)] else {
            users.forget(name)
            return .done
        }
        let claim = stored.claim.flatMap { claims[ObjectKey(namespace: $0.namespace, name: $0.name)] }
        var objects = Objects(volume: stored, claim: claim)
        var isFresh = false
        for _ in 0..<Self.maximumSteps {
            try Task.checkCancellation()
            let (situation, step) = try await next(objects, isFresh: isFresh)
            guard step.isChange else { return await rest(step, situation, objects) }
            if isFresh {
                do {
                    guard let changed = try await perform(step, situation, objects) else { return .done }
                    objects = changed
                    continue
                } catch KubernetesError.Reason.conflict {
                    // Somebody else has changed it. It is read again, and what is done already is not done twice.
                }
            }
            guard let current = try await read(objects) else { return .done }
            (objects, isFresh) = (current, true)
        }
        throw TooManySteps()
    }

    // MARK: Reading

    private func next(_ objects: Objects, isFresh: Bool) async throws -> (VolumeSituation, VolumeStep) {
        let volume = try watched(objects.volume)
        let claim = objects.claim.map { WatchedClaim($0) }
        var situation = VolumeSituation(volume: volume, claim: claim.flatMap { $0.isBound(to: volume) ? $0 : nil })
        if let demand = volume.demand, !volume.isBeingDeleted || volume.isHeld {
            do {
                try await look(at: demand, objects, isFresh: isFresh, &situation)
            } catch {
                throw failed(.nothing, demand, objects, error)
            }
        }
        return (situation, VolumePlanner.next(situation))
    }

    /// - Throws: `CephError` with `.clusterUnreachable` before the first connection to the cluster.
    func watched(_ object: StoredVolume) throws -> WatchedVolume {
        try WatchedVolume(object, images.rules, fsid: images.fsid)
    }

    private func look(
        at demand: VolumeDemand,
        _ objects: Objects,
        isFresh: Bool,
        _ situation: inout VolumeSituation
    ) async throws {
        let volume = situation.volume
        let image = try await images.fact(of: demand, for: volume, isFresh: isFresh || volume.isBeingDeleted)
        situation.image = image
        guard volume.isBeingDeleted, volume.reclaim == .trash, !volume.isBound, situation.claim == nil,
            case .there(let id, _) = image
        else { return }
        situation.adopter = try await images.adopter(ofImageID: id, demand, except: volume.name)
        situation.others = isTold(objects.volume) ? others(of: demand, volume) : nil
        situation.clients = try await images.clients(ofImageID: id, demand)
    }

    /// Whether the watch has told of this version of a volume. Then it has also told of all earlier changes of others.
    private func isTold(_ object: StoredVolume) -> Bool {
        volumes[object.key]?.metadata.resourceVersion == object.metadata.resourceVersion
    }

    /// The other volumes for which the image must stay. Two volumes that are both being deleted do not wait for each
    /// other, unless a claim has one of them.
    private func others(of demand: VolumeDemand, _ volume: WatchedVolume) -> [String] {
        index.volumes(of: demand.place.image(demand.image), except: volume.name).filter { name in
            guard let object = volumes[ObjectKey(name: name)] else { return false }
            return object.metadata.deletionTimestamp == nil || object.phase == "Bound"
        }
    }

    /// - Returns: nil if the volume is gone. An event tells if there is another one of the same name.
    private func read(_ objects: Objects) async throws -> Objects? {
        let known = objects.volume.metadata
        do {
            let volume = try await client.get(StoredVolume.self, named: known.name)
            guard volume.metadata.uid == known.uid else { return nil }
            return Objects(volume: volume, claim: try await claim(of: volume))
        } catch KubernetesError.Reason.notFound {
            return nil
        }
    }

    private func claim(of volume: StoredVolume) async throws -> PersistentVolumeClaim? {
        guard let reference = volume.claim, let namespace = reference.namespace else { return nil }
        do {
            return try await client.get(PersistentVolumeClaim.self, named: reference.name, in: namespace)
        } catch KubernetesError.Reason.notFound {
            return nil
        }
    }

    // MARK: Ends

    /// There is nothing to change.
    private func rest(_ step: VolumeStep, _ situation: VolumeSituation, _ objects: Objects) async -> WorkResult {
        let volume = situation.volume
        switch step {
        case .wait(.clients(let clients)):
            metrics.count(.waiting)
            if let demand = volume.demand, let place = await users.place(of: clients, volume) {
                report(VolumeWords.inUse(demand, clients, place: place), on: objects.volume)
            }
            return .again(after: Self.useInterval)
        case .wait(.watch):
            metrics.count(.waiting)
            return .again(after: Self.useInterval)
        case .wait(.others(let others)):
            metrics.count(.waiting)
            if let demand = volume.demand { report(VolumeWords.shared(demand, with: others), on: objects.volume) }
            return .again(after: Self.waitInterval)
        case .wait(.adoption(let claim)):
            metrics.count(.waiting)
            if let demand = volume.demand { report(VolumeWords.adopted(demand, for: claim), on: objects.volume) }
            return .again(after: Self.waitInterval)
        case .report(let oddity):
            metrics.count(.reported)
            let words = VolumeWords.odd(oddity, volume)
            if case .claimAsksMore = oddity, let claim = objects.claim {
                report(words, on: claim)
            } else {
                report(words, on: objects.volume)
            }
            return .done
        default:
            metrics.count(.unchanged)
            users.forget(volume.name)
            return .done
        }
    }

    /// Reports a failure in words that its user understands.
    func failed(_ step: VolumeStep, _ demand: VolumeDemand, _ objects: Objects, _ error: any Error) -> any Error {
        var problem: Problem
        switch error {
        case let error as CephError: problem = Problem(error).speaking(of: demand)
        case let error as Problem: problem = error.speaking(of: demand)
        // The API server's own errors are in the log: users can't do anything about them.
        default: return error
        }
        // That is for users of the webhook. The controller tries again by itself.
        if problem.hint?.hasPrefix("apply the volume again") ?? false { problem.hint = nil }
        let words = VolumeWords.failed(step, demand, problem)
        report(words, on: objects.volume)
        if step == .growImage, let claim = objects.claim { report(words, on: claim) }
        return problem
    }

    func report(_ words: VolumeReport, on object: some KubernetesObject) {
        recorder.report(words.severity, words.reason, words.message, about: object.reference)
    }
}
