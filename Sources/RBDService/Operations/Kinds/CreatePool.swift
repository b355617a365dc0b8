// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// Makes a pool. Its record is stored in the OSD map, because the pool can't hold anything yet: `PoolCreations` does
/// the work.
struct CreatePool: OperationTask {
    static let name = "create-pool"
    static let verb = Verb.admin
    static let isCancellable = false

    init(_ record: OperationRecord) {}

    func subjects(of record: OperationRecord) -> [String: [ClaimSubject]] { [:] }

    func perform(_ job: OperationJob) async throws {}
}
