// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// Decides what the controller does next about a volume. It looks at states only and never at changes, so that events
/// that are repeated, lost or out of order make no difference.
enum VolumePlanner {
    static func next(_ situation: VolumeSituation) -> VolumeStep {
        let volume = situation.volume
        if volume.isBeingDeleted { return volume.isHeld ? ending(situation) : .nothing }
        // Also if the volume can't be understood: its user lets go of it before the controller is switched off.
        if volume.reclaim == .retain, volume.isHeld { return .release }
        switch volume.need {
        case .nothing: return volume.isHeld ? .release : .nothing
        case .invalid(let problem): return invalid(problem, volume)
        case .image(let demand): return living(situation, demand)
        }
    }

    // MARK: Volumes that are there

    private static func living(_ situation: VolumeSituation, _ demand: VolumeDemand) -> VolumeStep {
        let volume = situation.volume
        if case .unknown(let text) = volume.reclaim { return .report(.unknownReclaim(text)) }
        switch situation.image {
        case nil: return .nothing
        case .beingRemoved: return .report(.imageBeingRemoved)
        case .missing(.inTrash(let id)): return .report(.imageInTrash(id: id))
        case .missing(.lost): return .report(.imageLost)
        // Nobody can use the volume again, so it needs no image.
        case .missing(.neverSeen): return volume.isReleased ? .nothing : .createImage
        case .there(let id, let size):
            return tie(situation, imageID: id) ?? growth(situation, demand, imageBytes: size)
        }
    }

    /// What keeps the volume and its image together, before anything else. An image of the old format has no id that
    /// tells it from others, and the trash can't hold it.
    private static func tie(_ situation: VolumeSituation, imageID id: String) -> VolumeStep? {
        let volume = situation.volume
        guard volume.reclaim == .trash else {
            // Nothing is ever done to the former image. So the volume gets along with the one that it has.
            return id.isEmpty || volume.imageID == id ? nil : .remember(imageID: id)
        }
        if let expected = volume.imageID, expected != id {
            return .report(.imageReplaced(expected: expected, found: id))
        }
        if !id.isEmpty, !volume.isHeld || volume.imageID == nil { return .hold(imageID: id) }
        if volume.isHeld, volume.isReleased, volume.endsWithClaim, situation.claim == nil { return .deleteVolume }
        return nil
    }

    /// The order is that of Kubernetes' external-resizer, except that the volume's capacity comes first: it is what
    /// makes a static volume grow.
    private static func growth(
        _ situation: VolumeSituation,
        _ demand: VolumeDemand,
        imageBytes: UInt64
    ) -> VolumeStep {
        let capacity = demand.sizeBytes
        // The controller that binds a claim gives it its first capacity, a moment later: the volume's. Until then, its
        // user has nothing that could grow.
        guard let claim = situation.claim, let claimBytes = claim.capacityBytes else {
            return imageBytes < capacity ? .growImage : .nothing
        }
        if imageBytes < capacity {
            return claim.saysGrowing(to: capacity, from: imageBytes) ? .growImage : .beginGrowth
        }
        if claimBytes < capacity {
            if situation.volume.isBlock { return .finishGrowth }
            return claim.isLeftToNode(capacity) ? .nothing : .leaveToNode
        }
        if let request = claim.requestBytes, request > capacity { return .report(.claimAsksMore(bytes: request)) }
        return claim.hasLeftovers ? .finishGrowth : .nothing
    }

    private static func invalid(_ problem: Problem, _ volume: WatchedVolume) -> VolumeStep {
        // Another cluster's volumes, and pools of others, are nobody's mistake.
        let isOfOthers = problem.kind == .otherCluster || problem.kind == .poolNotAllowed
        if isOfOthers, !volume.insists { return .nothing }
        return .report(.invalid(VolumeProblem(detail: problem.detail, hint: problem.hint)))
    }

    // MARK: Volumes that are being deleted

    /// The volume exists only for its image now.
    private static func ending(_ situation: VolumeSituation) -> VolumeStep {
        let volume = situation.volume
        switch volume.reclaim {
        case .retain: return .release
        case .unknown(let text): return .report(.unknownReclaim(text))
        case .trash: break
        }
        switch volume.need {
        case .nothing: return .release
        case .invalid(let problem):
            return .report(.invalid(VolumeProblem(detail: problem.detail, hint: problem.hint)))
        case .image: break
        }
        // Pods may use the volume as long as it has its claim. An event tells when that has ended.
        if volume.isBound || situation.claim != nil { return .nothing }
        switch situation.image {
        case nil: return .nothing
        case .missing, .beingRemoved: return .release
        case .there(let id, _):
            if let expected = volume.imageID, expected != id {
                return .report(.imageReplaced(expected: expected, found: id))
            }
            // Other volumes are looked at later: one of them may be that of the adoption, which is not to be deleted.
            if let claim = situation.adopter { return .wait(.adoption(claim: claim)) }
            guard let others = situation.others else { return .wait(.watch) }
            if !others.isEmpty { return .wait(.others(others)) }
            if let clients = situation.clients, !clients.isEmpty { return .wait(.clients(clients)) }
            return .moveToTrash(imageID: id)
        }
    }
}
