// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// Remembers which images this service, in whatever replica, has moved to the trash, and has them purged when their
/// time is over. RBD's trash does not say who put an image there, and what others put there is theirs.
///
/// A mark is a key beside the records of operations, `expiry.<time>.<image id>`, so that what is due comes first.
struct TrashKeeper: Sendable {
    let operations: OperationStore

    /// How many purges may wait here for their turn before more are asked for.
    private static let backlog = 200
    /// When a purge is asked for again that did not succeed.
    private static let patience: TimeInterval = 3600
    /// How long whoever has moved an image has time to begin its purge.
    static let grace = Duration.seconds(30)
    private static let prefix = "expiry."

    struct Mark: Codable, Sendable, Hashable {
        var id: String
        var namespace: String
        /// Which stay in the trash it is about. Nil in marks of release 0.1.0, which did not know it beforehand.
        var stay: String?
        /// When the mark was written. Only in marks without a stay.
        var writtenAt: Double?
        /// When the image may go, by the cluster's clock.
        var until: Double

        fileprivate var key: String {
            // An image may go once its deferment is over, and not in the second before.
            prefix + OperationStore.sortable(Date(timeIntervalSince1970: until + 1)) + ".\(id)"
        }
    }

    /// Before an image is moved: should the mover die in between, the image is still purged in the end.
    /// - Parameter entry: what the trash will say of it.
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

    /// The marks whose time is over by the cluster's clock, and what that says. It is only asked where this machine's
    /// says so as well.
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

    /// Asks for the purge of images whose time is over.
    /// - Parameter isWanted: by the name that the image had.
    /// - Returns: the operations, those included that had begun before.
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
                // Restored, purged, or put there anew by somebody.
                try await withdraw(mark, records)
                continue
            }
            guard isWanted(entry.name) else { continue }
            var later = mark
            // By now, and not by when it was due: that may be long ago, and what is in the way is not asked every few
            // seconds.
            later.until = due.now.timeIntervalSince1970 + Self.patience
            try await replace(mark, with: later, records)
            let spec = ImageSpec(pool: pool.name, namespace: mark.namespace, image: entry.name)
            do {
                switch try await operations.create(.purgeImage, on: spec, imageID: mark.id) {
                case .new(let record), .existing(let record): purges.append(record)
                }
            } catch let problem as Problem where problem.code == ProblemCode.operationInProgress.rawValue {
                // Next time.
            }
        }
        return purges
    }

    /// What a purge of all that has expired would begin with.
    func expired(in pool: Ceph.Pool, namespace: String) async throws -> [TrashEntry] {
        var entries: [TrashEntry] = []
        for mark in try await due(Records(of: pool)).marks where mark.namespace == namespace {
            if let entry = try await entry(of: mark, in: pool) { entries.append(entry) }
        }
        return entries
    }

    /// - Returns: nil where the trash has the image no longer, or not from us.
    private func entry(of mark: Mark, in pool: Ceph.Pool) async throws -> TrashEntry? {
        let place = pool.cluster.pool(pool.name, namespace: mark.namespace)
        let entry: TrashEntry
        do {
            entry = try await place.trashedImage(id: mark.id).entry
        } catch let error as CephError where error.code == .trashEntryNotFound || error.code == .namespaceNotFound {
            return nil
        }
        if let stay = mark.stay { return entry.stay == stay ? entry : nil }
        // The mover died before it could say so. What was moved in that moment is what it moved.
        guard let writtenAt = mark.writtenAt else { return nil }
        return (-5...120).contains(entry.deletedAt.date.timeIntervalSince1970 - writtenAt) ? entry : nil
    }

    /// What the runner does for each pool now and then.
    @Sendable func care(for pool: Ceph.Pool, _ runner: OperationRunner) async {
        guard await runner.backlog(of: pool.name) < Self.backlog else { return }
        for record in (try? await purgeExpired(in: pool)) ?? [] { await runner.submit(record) }
    }
}
