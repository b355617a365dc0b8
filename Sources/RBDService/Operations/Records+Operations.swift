// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// The keys of a pool's records: those of operations, and what is stored beside them.
///
/// Each pool has its own records, in one RADOS object. So they are where the images are, they are deleted with the
/// pool, and a key that may use no other pool can read them:
///
/// - `operation.<id>`: the record;
/// - `open.<id>`: the operation is not finished. The value is the identity that requested it. Only these keys are
///   scanned all the time;
/// - `claim.…`: the unfinished operation that has the image;
/// - `held.…`: which replica works on an image, a name, a group or an operation right now; `session.…`: that this
///   replica is alive (``Claims``);
/// - `volume.<namespace>/<image id>`: an image that was made a volume of Kubernetes (``Adoption``);
///   `volume-claim.<namespace>/<PersistentVolume>`: the same, by its claim;
/// - `cancel.<id>`: the operation must be cancelled;
/// - `finished.<time>.<id>`: when the record expires.
extension Records {
    static let object = "rbd_rest_api.operations"
    static let openPrefix = "open."
    static let finishedPrefix = "finished."

    init(of pool: Ceph.Pool) {
        self.init(pool: pool.cluster.pool(pool.name), object: Self.object)
    }

    func operation(_ id: String) async throws -> OperationRecord? {
        try await value("operation.\(id)").flatMap { OperationRecord($0, in: pool.name) }
    }
}

extension RBDAPI.Operation {
    /// The order of lists: newest first.
    static func isNewer(_ left: RBDAPI.Operation, _ right: RBDAPI.Operation) -> Bool {
        (left.createdAt, left.id) > (right.createdAt, right.id)
    }
}
