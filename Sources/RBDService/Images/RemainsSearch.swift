// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Synchronization

/// Searches in the background for data of an image without a header. The search lists all objects of a pool, which may
/// take longer than a request.
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

    /// How long a result is valid: nothing writes data to an image without a header.
    private static let lifetime = Duration.seconds(600)
    /// How long a request waits for the search.
    private static let patience = Duration.seconds(1)

    /// Searching two pools at the same time is enough.
    private static let threads = ThreadPurpose("search", .init(threads: 2, queue: 64, replacements: 2))
    private let searches = Mutex<[Subject: Search]>([:])

    /// Begins the search, unless it has begun already.
    func begin(ofImageID id: String, in pool: Ceph.Pool) {
        _ = search(ofImageID: id, in: pool)
    }

    /// - Returns: the names of some objects; nil while the search runs.
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
            // Detached: the search lists the whole pool, which takes longer than the request that began it may wait.
            let task = Task.detached { await self.look(for: subject, in: pool) }
            searches[subject] = Search(task: task)
            return task
        }
    }

    private func look(for subject: Subject, in pool: Ceph.Pool) async -> [String]? {
        let threads = pool.cluster.threads(for: Self.threads)
        let found = try? await pool.remains(ofImageID: subject.id, call: LongCall(), on: threads)
        // A failed search is begun again the next time.
        if found == nil { searches.withLock { $0[subject] = nil } }
        return found
    }
}
