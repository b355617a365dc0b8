// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// One attempt at an operation: its record, and what the work needs.
struct OperationJob: Sendable {
    var record: OperationRecord
    var cluster: Cluster
    var call: LongCall
    var work: OperationWork
    /// An earlier attempt, by this process or another, may have come further.
    var isRepeated: Bool
    /// Writes changed parameters, so that whoever takes over knows.
    var save: @Sendable (OperationRecord.Parameters) async throws -> Void

    var pool: Ceph.Pool { cluster.pool(record.place) }
    var image: String { record.operation.image }
    var imageID: String { record.operation.imageID }
    var threads: BlockingPool { cluster.threads(for: work.threads) }
}
