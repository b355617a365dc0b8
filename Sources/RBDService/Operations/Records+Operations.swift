// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// The keys of a pool's records: those of operations, and what is kept beside them.
///
/// Each pool keeps its own, in one RADOS object, so that they are where the images are, go with the pool, and can be
/// read with a key that may use no other pool:
///
/// - `operation.<id>`: the record;
/// - `open.<id>`: it is not finished, and which identity asked for it. The only keys that are looked at all the time;
/// - `claim.…`: which unfinished operation has the image;
/// - `held.…`: who is at work on an image, a name, a group or an operation right now; `session.…`: that those are alive
///   (``Claims``);
/// - `cancel.<id>`: it is to be cancelled;
/// - `finished.<time>.<id>`: when the record can go.
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
    /// Lists begin with the newest one.
    static func isNewer(_ left: RBDAPI.Operation, _ right: RBDAPI.Operation) -> Bool {
        (left.createdAt, left.id) > (right.createdAt, right.id)
    }
}
