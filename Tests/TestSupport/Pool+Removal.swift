// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph

/// The two steps in which an image goes, for tests that have no service in front of the pool.
extension Pool {
    /// Moves an image to the trash, from where it may go at once.
    public func trashImage(named name: String) async throws -> TrashEntry {
        let id = try await imageID(named: name)
        let now = try await Records(pool: cluster.pool(self.name), object: "test.clock").now()
        return try await moveToTrash(TrashEntry(id: id, name: RawName(name), deletedAt: now, deferredUntil: now))
    }

    /// Removes an image in the trash, for ever.
    public func purge(_ entry: TrashEntry) async throws {
        try await purgeImage(id: entry.id, call: LongCall(), on: Self.threads)
    }

    private static let threads = BlockingPool()
}
