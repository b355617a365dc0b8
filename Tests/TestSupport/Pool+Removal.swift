// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph

/// The two steps of a removal, for tests without the service.
extension Pool {
    /// Moves an image to the trash, without a delay before it may be purged.
    public func trashImage(named name: String) async throws -> TrashEntry {
        let id = try await imageID(named: name)
        let now = try await Records(pool: cluster.pool(self.name), object: "test.clock").now()
        return try await moveToTrash(TrashEntry(id: id, name: RawName(name), deletedAt: now, deferredUntil: now))
    }

    /// Removes an image from the trash for good.
    public func purge(_ entry: TrashEntry) async throws {
        try await purgeImage(id: entry.id, call: LongCall(), on: Self.threads)
    }

    private static let threads = BlockingPool()
}
