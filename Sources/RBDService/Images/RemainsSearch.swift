// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Synchronization

/// Looks, behind the requests, whether an image without a header has data. All of a pool's objects are gone through for
/// that, which may take longer than a request.
final class RemainsSearch: Sendable {
    private struct Search {
        var task: Task<[String]?, Never>
        var begin = ContinuousClock.now
    }

    private struct Subject: Hashable {
        var pool: String
        var namespace: String
        var id: String
    }

    /// What was found is told for so long: nobody makes data of an image that has no header.
    private static let lifetime = Duration.seconds(600)
    /// How long a request waits for it.
    private static let patience = Duration.seconds(1)

    /// Those of two pools at a time are enough.
    private static let threads = ThreadPurpose("search", .init(threads: 2, queue: 64, replacements: 2))
    private let searches = Mutex<[Subject: Search]>([:])

    /// Begins to look, unless that was done already.
    func begin(ofImageID id: String, in pool: Ceph.Pool) {
        _ = search(ofImageID: id, in: pool)
    }

    /// - Returns: the names of some objects; nil while it is being looked for them.
    func remains(ofImageID id: String, in pool: Ceph.Pool) async -> [String]? {
        let task = search(ofImageID: id, in: pool)
        let first = FirstResult<[String]?>()
        Task.detached { first.settle(.success(await task.value)) }
        Task.detached {
            try? await Task.sleep(for: Self.patience)
            first.settle(.success(nil))
        }
        return (try? await first.value) ?? nil
    }

    private func search(ofImageID id: String, in pool: Ceph.Pool) -> Task<[String]?, Never> {
        let subject = Subject(pool: pool.name, namespace: pool.namespace, id: id)
        return searches.withLock { searches in
            searches = searches.filter { .now - $0.value.begin < Self.lifetime }
            if let search = searches[subject] { return search.task }
            // Detached: it goes through the whole pool, for longer than the request that has begun it may wait.
            let task = Task.detached { await self.look(for: subject, in: pool) }
            searches[subject] = Search(task: task)
            return task
        }
    }

    private func look(for subject: Subject, in pool: Ceph.Pool) async -> [String]? {
        let threads = pool.cluster.threads(for: Self.threads)
        let found = try? await pool.remains(ofImageID: subject.id, call: LongCall(), on: threads)
        // What could not be looked at is looked for again.
        if found == nil { searches.withLock { $0[subject] = nil } }
        return found
    }
}
