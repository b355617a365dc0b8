// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore

/// `/metrics`. It does not call the cluster, so it also answers while the cluster is down.
struct MetricsController: Sendable {
    let telemetry: Telemetry

    var endpoints: [Endpoint] { [Endpoint(.get, "/metrics", .cluster(.read), query: nil, metrics)] }

    @Sendable private func metrics(_ call: Call) async throws -> Answer {
        .sameForAll(ByteBuffer(string: telemetry.exposition), mediaType: PrometheusText.contentType)
    }
}
