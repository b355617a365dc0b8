// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// A clone has a name of its own until it is whole: librbd makes an empty image first and gives it a parent then, and
/// one that is cut off in between looks like an empty volume.
enum TemporaryClone {
    private static let prefix = "rbd-rest-api.clone-"

    static func newName() -> String { prefix + OperationStore.newNumber() }

    static func isName(_ name: String) -> Bool { name.hasPrefix(prefix) }

    /// Removes a clone that did not come to its own name. The name is claimed.
    static func discard(_ name: RawName, id: String, in pool: Ceph.Pool, _ store: OperationStore) async throws {
        let now = try await Records(of: pool).now()
        _ = try await pool.moveToTrash(TrashEntry(id: id, name: name, deletedAt: now, deferredUntil: now))
        let spec = ImageSpec(pool: pool.name, namespace: pool.namespace, image: name.text)
        _ = try await store.create(.purgeImage, on: spec, imageID: id, parameters: .init(force: true))
    }
}
