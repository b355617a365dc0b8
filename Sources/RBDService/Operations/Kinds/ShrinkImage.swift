// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Makes an image smaller. It can't be cancelled: what is cut off is gone.
struct ShrinkImage: OperationTask {
    static let name = "shrink-image"
    static let verb = Verb.modify
    static let isCancellable = false
    static let afterFailure: String? = "some data beyond the new size may be gone: repeat the shrink"

    /// The new size, in bytes.
    var sizeBytes: UInt64

    init(sizeBytes: UInt64) {
        self.sizeBytes = sizeBytes
    }

    init(_ record: OperationRecord) throws(Problem) {
        sizeBytes = try record.required(record.parameters.sizeBytes, "sizeBytes")
    }

    var parameters: OperationRecord.Parameters { .init(sizeBytes: sizeBytes) }

    func isSame(as other: Self) -> Bool { sizeBytes == other.sizeBytes }

    func perform(_ job: OperationJob) async throws {
        try await job.pool.shrinkImage(
            named: job.image,
            id: job.imageID,
            toBytes: sizeBytes,
            call: job.call,
            on: job.threads
        )
    }
}
