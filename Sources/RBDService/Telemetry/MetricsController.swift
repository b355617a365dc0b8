// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore

/// `/metrics`. It asks nothing of the cluster, and so answers also while that is away.
struct MetricsController: Sendable {
    let telemetry: Telemetry

    var routes: [Route] { [.get("/metrics", metrics)] }

    @Sendable private func metrics(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: telemetry.exposition))
        )
    }
}
