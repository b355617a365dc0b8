// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// Removes headers without a name, which librbd's creates leave behind where an OSD was slow: see
/// ``Ceph/Pool/removeNamelessHeaders(idPrefix:call:on:)``.
///
/// All of a pool's objects are gone through for that. So a create that may have left one writes a note,
/// `sweep.<namespace>/<prefix of ids>` beside the records of operations, and whichever replica comes by searches behind
/// the requests. It does so twice: an OSD that has just come back may answer this client before it carries out what it
/// was sent by another one.
final class HeaderSweep: Sendable {
    private let logger: Logger
    /// How long an OSD that answers again may take to carry out what it was sent before.
    private let patience: Duration
    private let pools = Mutex<Set<String>>([])
    /// When notes were searched for the first time.
    private let searched = Mutex<[Note: ContinuousClock.Instant]>([:])
    private static let prefix = "sweep."
    /// Those of two pools at a time are enough.
    private static let threads = ThreadPurpose("sweep", .init(threads: 2, queue: 64, replacements: 2))

    private struct Note: Hashable {
        var pool: String
        var key: String
        var value: [UInt8]
    }

    init(patience: Duration, logger: Logger) {
        (self.patience, self.logger) = (patience, logger)
    }

    /// Asks for a search. The claim under which the create failed must be held still.
    static func request(idPrefix: String, in pool: Ceph.Pool) async throws {
        var change = Records.Change()
        // Another value each time: a search that has begun before does not answer for this one.
        let value = String(UInt64.random(in: .min ... .max), radix: 36)
        change.set("\(prefix)\(pool.namespace)/\(idPrefix)", to: Array(value.utf8))
        _ = try await Records(of: pool).apply(change)
    }

    /// What the runner does for each pool now and then. It is not waited for: a search takes as long as there are
    /// objects.
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
                    "headers without a name were removed, which creates that timed out had left behind",
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
            // Gone with all that was in it.
        } catch {
            logger.debug(
                "a search for headers without a name is repeated",
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
