// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Gives back runs of zeros to the pool. A half-sparsified image is a whole image.
struct SparsifyImage: OperationTask {
    static let name = "sparsify-image"
    static let verb = Verb.modify
    static let isCancellable = true

    /// How long a run of zeros must be, in bytes.
    var blockBytes: Int

    init(blockBytes: Int) {
        self.blockBytes = blockBytes
    }

    init(_ record: OperationRecord) {
        blockBytes = record.parameters.blockBytes ?? 4096
    }

    var parameters: OperationRecord.Parameters { .init(blockBytes: blockBytes) }

    func perform(_ job: OperationJob) async throws {
        try await job.pool.sparsifyImage(
            named: job.image,
            id: job.imageID,
            blockBytes: blockBytes,
            call: job.call,
            on: job.threads
        )
    }
}
