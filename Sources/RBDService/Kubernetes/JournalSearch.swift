// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Searches ceph-csi's journal for what belongs to an image. The journal is ordered by requests, so all of its entries
/// are read: a thousand at a time, with many reads in flight.
struct JournalSearch: Sendable {
    let pool: Ceph.Pool
    /// The instances of ceph-csi whose directories are searched.
    private let instances: [String]

    /// - Parameter instance: searched beside the usual one.
    init(_ pool: Ceph.Pool, instance: String) {
        self.pool = pool
        instances = Array(Set([VolumeJournal.usualInstance, instance])).sorted()
    }

    /// The entry that an image belongs to.
    struct Owner: Sendable {
        /// What the image is for the entry.
        enum Role: Sendable {
            /// The image of the volume, or of the snapshot.
            case image
            /// ceph-csi clones a volume through an image with this suffix.
            case temporaryClone
        }

        var kind: JournalKind
        var uuid: String
        /// Only the request and the image are known.
        var entry: JournalEntry
        var role = Role.image

        static let temporarySuffix = "-temp"
    }

    /// - Returns: nil if the image belongs to no entry.
    func owner(of image: ImageInfo) async throws -> Owner? {
        // Most images of ceph-csi have the UUID in their names. ceph-csi may have been interrupted before it listed the
        // entry in the directory, or the directory is in another pool.
        if let uuid = VolumeUUID.suffix(of: image.name) {
            for kind in JournalKind.allCases {
                guard let found = try await VolumeJournal(pool).entry(kind, uuid: uuid)?.entry else { continue }
                if let role = Self.role(of: image, in: found) {
                    return Owner(kind: kind, uuid: uuid, entry: found, role: role)
                }
            }
        }
        for kind in JournalKind.allCases {
            let owner = try await first(kind) { uuid, entry in
                Self.role(of: image, in: entry).map { Owner(kind: kind, uuid: uuid, entry: entry, role: $0) }
            }
            if let owner { return owner }
        }
        return nil
    }

    /// - Returns: nil if the image does not belong to the entry.
    private static func role(of image: ImageInfo, in entry: JournalEntry) -> Owner.Role? {
        // A renamed image still is the entry's.
        if entry.imageName == image.name || entry.imageID == image.id { return .image }
        return entry.imageName + Owner.temporarySuffix == image.name ? .temporaryClone : nil
    }

    /// The snapshots and clones that ceph-csi has made of a volume.
    /// - Parameter clones: of the volume's image.
    func dependents(ofImage name: String, clones: [ImageClone]) async throws -> [Problem.Blocker] {
        var dependents: [Problem.Blocker] = []
        var images: Set<String> = []
        for kind in JournalKind.allCases {
            _ = try await first(kind) { _, entry -> Void? in
                images.formUnion([entry.imageName, entry.imageName + Owner.temporarySuffix])
                if kind == .snapshots, entry.source == name {
                    dependents.append(Problem.Blocker(.snapshot, name: entry.requestName))
                }
                return nil
            }
        }
        for clone in clones where clone.pool == pool.name && clone.namespace == pool.namespace {
            guard images.contains(clone.image) else { continue }
            dependents.append(Problem.Blocker(.clone, name: ImageChild(clone).spec))
        }
        return dependents
    }

    /// The first result for an entry; nil if there is none for any.
    private func first<Match>(
        _ kind: JournalKind,
        _ match: (_ uuid: String, _ entry: JournalEntry) -> Match?
    ) async throws -> Match? {
        for instance in instances {
            let journal = VolumeJournal(pool, instance: instance)
            var position: String? = ""
            while let start = position {
                let page = try await journal.page(kind, after: start)
                for (uuid, entry) in page.entries {
                    if let found = match(uuid, entry) { return found }
                }
                position = page.next
            }
        }
        return nil
    }
}
