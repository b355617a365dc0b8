// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Looks for each object of an image, and writes the object map anew.
struct RebuildObjectMap: OperationTask {
    static let name = "rebuild-object-map"
    static let verb = Verb.modify
    static let isCancellable = true

    init() {}

    init(_ record: OperationRecord) {}

    func perform(_ job: OperationJob) async throws {
        try await job.pool.rebuildObjectMap(ofImage: job.image, id: job.imageID, call: job.call, on: job.threads)
    }
}
