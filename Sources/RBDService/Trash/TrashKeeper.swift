// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// Remembers which images the replicas of this service have moved to the trash, and has them purged when they expire.
/// RBD's trash does not say who moved an image there. Images that others moved there are left to them.
///
/// A mark is a key beside the records of operations, `expiry.<time>.<image id>`. So the marks that expire first come
/// first.
struct TrashKeeper: Sendable {
    let operations: OperationStore

    /// How many purges may wait in this process before it stops looking for more.
    private static let backlog = 200
    /// How long after a failed purge the next attempt begins, in seconds.
    private static let patience: TimeInterval = 3600
    /// How long a process that has moved an image to the trash has time to begin its purge.
    static let grace = Duration.seconds(30)
    private static let prefix = "expiry."

    struct Mark: Codable, Sendable, Hashable {
        var id: String
        var namespace: String
        /// Which stay of the image in the trash the mark is for. Nil in marks of release 0.1.0, which were written
        /// before the stay was known.
        var stay: String?
        /// When the mark was written. Only set in marks without a stay.
        var writtenAt: Double?
        /// When the image may be purged, by the cluster's clock.
        var until: Double

        fileprivate var key: String {
            // Rounded up to whole seconds: an image may be purged only after its deferment has ended.
            prefix + OperationStore.sortable(Date(timeIntervalSince1970: until + 1)) + ".\(id)"
        }
    }

    /// Writes a mark before the image is moved. If the process dies in between, the image is still purged later.
    /// - Parameter entry: the trash entry, as it will be written.
    func announce(
        _ entry: TrashEntry,
        in place: Place,
        until: ClusterTime,
        _ records: Records
    ) async throws -> Mark {
        let mark = Mark(
            id: entry.id,
            namespace: place.namespace,
            stay: entry.stay,
            until: until.date.timeIntervalSince1970
        )
        try await replace(nil, with: mark, records)
        return mark
    }

    func withdraw(_ mark: Mark, _ records: Records) async throws {
        try await replace(mark, with: nil, records)
    }

    private func replace(_ old: Mark?, with new: Mark?, _ records: Records) async throws {
        var change = Records.Change()
        if let old, old.key != new?.key { change.remove(old.key) }
        if let new { change.set(new.key, to: (try? JSONEncoder().encode(new)).map(Array.init) ?? []) }
        _ = try await records.apply(change)
    }

    /// The marks that have expired by the cluster's clock, and the time of that clock. The cluster is only asked if
    /// marks have expired by this machine's clock.
    private func due(_ records: Records) async throws -> (marks: [Mark], now: Date) {
        let values = try await records.values(prefix: Self.prefix, limit: Self.backlog)
        func isDue(_ key: String, _ now: Date) -> Bool {
            key.dropFirst(Self.prefix.count) < OperationStore.sortable(now)
        }
        guard let first = values.first, isDue(first.key, Date()) else { return ([], Date()) }
        let now = try await records.now().date
        let marks = values.prefix { isDue($0.key, now) }
            .compactMap { try? JSONDecoder().decode(Mark.self, from: Data($0.value)) }
        return (marks, now)
    }

    /// Begins the purge of expired images.
    /// - Parameter isWanted: selects images by their former names.
    /// - Returns: the operations, including those that had begun before.
    func purgeExpired(
        in pool: Ceph.Pool,
        namespace: String? = nil,
        where isWanted: (String) -> Bool = { _ in true }
    ) async throws -> [OperationRecord] {
        let records = Records(of: pool)
        var purges: [OperationRecord] = []
        let due = try await due(records)
        for mark in due.marks where namespace == nil || mark.namespace == namespace {
            guard let entry = try await entry(of: mark, in: pool) else {
                // The image was restored, purged, or moved to the trash again by somebody else.
                try await withdraw(mark, records)
                continue
            }
            guard isWanted(entry.name) else { continue }
            var later = mark
            // Counted from now, not from the expiry, which may be long ago: a purge that fails must not be repeated
            // every few seconds.
            later.until = due.now.timeIntervalSince1970 + Self.patience
            try await replace(mark, with: later, records)
            let spec = ImageSpec(pool: pool.name, namespace: mark.namespace, image: entry.name)
            do {
                switch try await operations.create(PurgeImage(force: false), on: spec, imageID: mark.id) {
                case .new(let record), .existing(let record): purges.append(record)
                }
            } catch let problem as Problem where problem.code == ProblemCode.operationInProgress.rawValue {
                // The next look tries again.
            }
        }
        return purges
    }

    /// The expired images that a purge would begin with.
    func expired(in pool: Ceph.Pool, namespace: String) async throws -> [TrashEntry] {
        var entries: [TrashEntry] = []
        for mark in try await due(Records(of: pool)).marks where mark.namespace == namespace {
            if let entry = try await entry(of: mark, in: pool) { entries.append(entry) }
        }
        return entries
    }

    /// - Returns: nil if the image is not in the trash any more, or was moved there by somebody else.
    private func entry(of mark: Mark, in pool: Ceph.Pool) async throws -> TrashEntry? {
        let place = pool.cluster.pool(pool.name, namespace: mark.namespace)
        let entry: TrashEntry
        do {
            entry = try await place.trashedImage(id: mark.id).entry
        } catch let error as CephError where error.code == .trashEntryNotFound || error.code == .namespaceNotFound {
            return nil
        }
        if let stay = mark.stay { return entry.stay == stay ? entry : nil }
        // An old mark without a stay: the process died before it could write it. An image that was moved at about the
        // time of the mark is the one that it is for.
        guard let writtenAt = mark.writtenAt else { return nil }
        return (-5...120).contains(entry.deletedAt.date.timeIntervalSince1970 - writtenAt) ? entry : nil
    }

    /// Begins the purges that are due in a pool. The runner calls it regularly.
    @Sendable func care(for pool: Ceph.Pool, _ runner: OperationRunner) async {
        guard await runner.backlog(of: pool.name) < Self.backlog else { return }
        for record in (try? await purgeExpired(in: pool)) ?? [] { await runner.submit(record) }
    }
}
