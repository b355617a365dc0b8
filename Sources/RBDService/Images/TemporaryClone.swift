// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The temporary name of a clone until it is complete. librbd first creates an empty image, and then sets its parent.
/// If that is interrupted in between, the clone looks like an empty volume.
enum TemporaryClone {
    private static let prefix = "rbd-rest-api.clone-"

    static func newName() -> String { prefix + OperationStore.newNumber() }

    static func isName(_ name: String) -> Bool { name.hasPrefix(prefix) }

    /// Removes a clone that did not get its final name. The caller has claimed the temporary name.
    static func discard(_ name: RawName, id: String, in pool: Ceph.Pool, _ store: OperationStore) async throws {
        let now = try await Records(of: pool).now()
        _ = try await pool.moveToTrash(TrashEntry(id: id, name: name, deletedAt: now, deferredUntil: now))
        let spec = ImageSpec(pool: pool.name, namespace: pool.namespace, image: name.text)
        _ = try await store.create(PurgeImage(force: true), on: spec, imageID: id)
    }
}
