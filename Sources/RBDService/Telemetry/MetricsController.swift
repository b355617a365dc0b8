// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore

/// `/metrics`. It does not call the cluster, so it also answers while the cluster is down.
struct MetricsController: Sendable {
    let telemetry: Telemetry

    var endpoints: [Endpoint] { [Endpoint(.get, "/metrics", .cluster(.read), query: nil, metrics)] }

    @Sendable private func metrics(_ call: Call) async throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: telemetry.exposition))
        )
    }
}
