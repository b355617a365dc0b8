// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Copies into a clone what it shares with its parent. A half-flattened clone is a whole image.
struct FlattenImage: OperationTask {
    static let name = "flatten-image"
    static let verb = Verb.modify
    static let isCancellable = true
    static let movesData = true

    init() {}

    init(_ record: OperationRecord) {}

    func perform(_ job: OperationJob) async throws {
        do {
            try await job.pool.flattenImage(named: job.image, id: job.imageID, call: job.call, on: job.threads)
        } catch let error as CephError where error.code == .imageHasNoParent && job.isRepeated {
            // The previous attempt was finished, but not recorded.
        }
    }
}
