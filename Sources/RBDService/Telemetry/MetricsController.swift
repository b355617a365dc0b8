// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore

/// `/metrics`. It does not call the cluster, so it also answers while the cluster is down.
struct MetricsController: Sendable {
    let telemetry: Telemetry

    var routes: [Route] { [.get("/metrics", .cluster(.read), metrics)] }

    @Sendable private func metrics(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: telemetry.exposition))
        )
    }
}
