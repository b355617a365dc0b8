// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph

/// Everything that is known of a mark without its image.
struct OrphanSituation: Hashable, Sendable {
    var mark: ReviewMark
    /// The uid of this controller's Lease.
    var lease: String?
    /// Whether the volume exists, or has existed while this controller watched, or another volume may have the image.
    var hasVolume = false
    /// Whether the mark is older than the watch. The volume may then have come and gone before.
    var isOlderThanWatch = false
    /// Whether the mark has been the same for so long that no review can be about the image any more.
    var isDue = true
}

/// The image with the name in a mark.
enum OrphanFact: Hashable, Sendable {
    /// There is none, or it is another one, or it was renamed, restored or adopted: somebody has decided about it.
    case none
    /// A create was interrupted.
    case incomplete
    case there(OrphanImage)
}

struct OrphanImage: Hashable, Sendable {
    enum Data: Hashable, Sendable {
        /// Nobody has looked, because the rest is enough.
        case notRead
        /// The image has too many objects to look at each of them.
        case unknown
        case bytes(UInt64)
    }

    var sizeBytes: UInt64
    var versions: ImageVersions?
    var hasParent = false
    /// What uses it.
    var uses: Set<OrphanDoubt> = []
    var data = Data.notRead
}

/// Why it is not certain that an image without a volume is unused, and this controller's.
enum OrphanDoubt: String, CaseIterable, Hashable, Comparable, Sendable {
    case anotherController = "another Kubernetes cluster, or an earlier installation, has made it"
    case unknownController = "it is not known which Kubernetes cluster has made it"
    case unknownVolume = "it is not known which volume it was made for"
    case unknownImage = "its create was interrupted, so it is not known who has made it"
    case unwatched = "the volume may have come and gone before this controller watched"
    case changed = "it was changed since"
    case resized = "it has another size"
    case cloned = "it is a clone"
    case snapshots = "it has snapshots"
    case clients = "a client uses it, or has a lock on it"
    case group = "it is in a group"
    case migration = "it is being migrated"
    case data = "it holds data"
    case unknownData = "it has too many objects to find out whether it holds data"

    static func < (left: OrphanDoubt, right: OrphanDoubt) -> Bool { left.rawValue < right.rawValue }
}

/// What is to be done about a mark, before its image is looked at.
enum OrphanStep: Hashable, Sendable {
    /// Remove the mark: the image has a volume, or somebody has decided about it.
    case forget
    case wait
    /// The replica that began to move the image to the trash has died.
    case takeBack
    /// Look at the image.
    case look
}

/// What is known of an image after a look.
enum OrphanFinding: Hashable, Sendable {
    case notOrphaned
    /// The image has no volume, and it is certain that it is unused, and this controller's.
    case unused
    case doubtful([OrphanDoubt])
}

/// Decides about images that reviews have made, and whose volumes may never have been stored.
enum OrphanPlanner {
    static func next(_ situation: OrphanSituation) -> OrphanStep {
        if situation.mark.isLeaving { return .takeBack }
        if situation.hasVolume { return .forget }
        return situation.isDue ? .look : .wait
    }

    static func finding(_ situation: OrphanSituation, _ fact: OrphanFact) -> OrphanFinding {
        var doubts = doubts(situation)
        switch fact {
        case .none: return .notOrphaned
        case .incomplete: doubts.insert(.unknownImage)
        case .there(let image): doubts.formUnion(self.doubts(image, situation.mark))
        }
        return doubts.isEmpty ? .unused : .doubtful(doubts.sorted())
    }

    /// Whether only the image's data decides. To read whether it has any takes longer than all the rest.
    static func needsData(_ image: OrphanImage, _ mark: ReviewMark) -> Bool {
        var image = image
        image.data = .bytes(0)
        return doubts(image, mark).isEmpty
    }

    private static func doubts(_ situation: OrphanSituation) -> Set<OrphanDoubt> {
        let mark = situation.mark
        var doubts: Set<OrphanDoubt> = []
        if mark.lease == nil || situation.lease == nil {
            doubts.insert(.unknownController)
        } else if mark.lease != situation.lease {
            doubts.insert(.anotherController)
        }
        if mark.volume.isEmpty || mark.volumeUID.isEmpty { doubts.insert(.unknownVolume) }
        if situation.isOlderThanWatch { doubts.insert(.unwatched) }
        return doubts
    }

    private static func doubts(_ image: OrphanImage, _ mark: ReviewMark) -> Set<OrphanDoubt> {
        var doubts: Set<OrphanDoubt> = []
        if let made = mark.made {
            if image.versions != made.versions { doubts.insert(.changed) }
        } else {
            doubts.insert(.unknownImage)
        }
        if image.sizeBytes != mark.sizeBytes { doubts.insert(.resized) }
        if image.hasParent { doubts.insert(.cloned) }
        doubts.formUnion(image.uses)
        switch image.data {
        // It is only left out if something else is in doubt. If not, the data is.
        case .notRead: if doubts.isEmpty { doubts.insert(.unknownData) }
        case .unknown: doubts.insert(.unknownData)
        case .bytes(let count): if count > 0 { doubts.insert(.data) }
        }
        return doubts
    }

    static func uses(_ use: ImageUse) -> Set<OrphanDoubt> {
        var doubts: Set<OrphanDoubt> = []
        if !use.snapshots.isEmpty || use.abandonedSnapshotCount > 0 { doubts.insert(.snapshots) }
        if !use.watchers.isEmpty || !use.locks.isEmpty { doubts.insert(.clients) }
        if use.group != nil { doubts.insert(.group) }
        if use.isMigrating { doubts.insert(.migration) }
        return doubts
    }
}
