// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// Removes headers without a name, which librbd's creates leave behind if an OSD was slow. See
/// ``Ceph/Pool/removeNamelessHeaders(idPrefix:call:on:)``.
///
/// The search lists all objects of a pool. So a create that may have left a header writes a note,
/// `sweep.<namespace>/<prefix of ids>`, beside the records of operations. The next replica that looks after the pool
/// searches in the background. It searches twice: an OSD that has just come back may answer this client before it
/// carries out a write of another client.
final class HeaderSweep: Sendable {
    private let logger: Logger
    /// How long an OSD that is back may take to carry out earlier writes.
    private let patience: Duration
    private let pools = Mutex<Set<String>>([])
    /// When the first search for each note was done.
    private let searched = Mutex<[Note: ContinuousClock.Instant]>([:])
    private static let prefix = "sweep."
    /// Searching two pools at the same time is enough.
    private static let threads = ThreadPurpose("sweep", .init(threads: 2, queue: 64, replacements: 2))

    private struct Note: Hashable {
        var pool: String
        var key: String
        var value: [UInt8]
    }

    init(patience: Duration, logger: Logger) {
        (self.patience, self.logger) = (patience, logger)
    }

    /// Requests a search. The caller must still hold the claim under which the create failed.
    static func request(idPrefix: String, in pool: Ceph.Pool) async throws {
        var change = Records.Change()
        // A new value each time: a search that began earlier must not remove this note.
        let value = String(UInt64.random(in: .min ... .max), radix: 36)
        change.set("\(prefix)\(pool.namespace)/\(idPrefix)", to: Array(value.utf8))
        _ = try await Records(of: pool).apply(change)
    }

    /// Begins the searches that are due in a pool. The runner calls it regularly. It does not wait for the searches:
    /// they take longer the more objects the pool has.
    func care(for pool: Ceph.Pool) async {
        guard let found = try? await Records(of: pool).values(prefix: Self.prefix, limit: 16) else { return }
        let notes = Set(found.map { Note(pool: pool.name, key: $0.key, value: $0.value) })
        let due = searched.withLock { searched in
            searched = searched.filter { $0.key.pool != pool.name || notes.contains($0.key) }
            return notes.filter { note in searched[note].map { .now - $0 >= patience } ?? true }
        }
        guard !due.isEmpty, pools.withLock({ $0.insert(pool.name).inserted }) else { return }
        Task.detached {
            for note in due { await self.sweep(note, in: pool) }
            self.pools.withLock { _ = $0.remove(pool.name) }
        }
    }

    private func sweep(_ note: Note, in pool: Ceph.Pool) async {
        let place = note.key.dropFirst(Self.prefix.count)
        guard let slash = place.firstIndex(of: "/"), case let idPrefix = String(place[slash...].dropFirst()),
            !idPrefix.isEmpty
        else { return }
        do {
            let removed = try await pool.cluster.pool(pool.name, namespace: String(place[..<slash]))
                .removeNamelessHeaders(
                    idPrefix: idPrefix,
                    call: LongCall(),
                    on: pool.cluster.threads(for: Self.threads)
                )
            if !removed.isEmpty {
                logger.notice(
                    "removed headers without a name that timed-out creates had left behind",
                    metadata: [LogKeys.pool: "\(pool.name)", LogKeys.image: "\(removed.joined(separator: ", "))"]
                )
            }
            let isFirst = searched.withLock { searched in
                if searched[note] != nil { return false }
                searched[note] = .now
                return true
            }
            if isFirst { return }
        } catch let error as CephError where error.code == .namespaceNotFound {
            // The namespace is gone, with everything in it.
        } catch {
            logger.debug(
                "the search for headers without a name failed, and will be repeated",
                metadata: [LogKeys.pool: "\(pool.name)", LogKeys.error: "\(String(reflecting: error))"]
            )
            return
        }
        var change = Records.Change()
        change.require(note.key, equals: note.value)
        change.remove(note.key)
        _ = try? await Records(of: pool).apply(change)
    }
}
