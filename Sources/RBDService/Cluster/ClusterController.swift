// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import HTTPTypes
import Hummingbird
import NIOCore
import RBDAPI

/// `/v1/cluster`, the probes and the OpenAPI document.
struct ClusterController: Sendable {
    let connection: ClusterConnection
    let shutdownDelay: ShutdownDelay

    var endpoints: [Endpoint] {
        probes + [
            Endpoint(.get, "/openapi.yaml", .everybody, query: nil, contract),
            Endpoint(.get, "/v1/cluster", .cluster(.read), query: nil, cluster),
        ]
    }

    var probes: [Endpoint] {
        [
            Endpoint(.get, "/livez", .everybody, query: nil, live),
            Endpoint(.get, "/readyz", .everybody, query: nil, ready),
        ]
    }

    @Sendable private func live(_ call: Call) async throws -> Answer {
        Self.fine
    }

    /// Encoded once, because probes are frequent.
    private static let fine = Answer.json(Probe(status: "ok"))

    /// Answers with the result of the last check. If the probe waited for a failing cluster, it would fail, too.
    @Sendable private func ready(_ call: Call) async throws -> Answer {
        if shutdownDelay.hasBegun { throw Problem(.clusterUnavailable, detail: "the service is shutting down") }
        if let trouble = connection.trouble {
            let meaning = connection.cause?.meaning
            throw Problem(.clusterUnavailable, detail: trouble, hint: meaning?.hint, remedy: meaning?.remedy)
        }
        return Self.fine
    }

    @Sendable private func contract(_ call: Call) async throws -> Answer {
        .sameForAll(ByteBuffer(bytes: PackageResources.openapi_yaml), mediaType: "application/yaml")
    }

    @Sendable private func cluster(_ call: Call) async throws -> Answer {
        let cluster = try connection.cluster()
        let state = try await cluster.state()
        return .json(
            ClusterStatus(
                fsid: cluster.fsid,
                cephVersion: state.version,
                libradosVersion: Cluster.libradosVersion,
                keyType: cluster.keyType?.name,
                health: ClusterHealth(
                    status: state.health,
                    checks: state.checks.map { HealthCheck(code: $0.code, severity: $0.severity, summary: $0.summary) }
                ),
                capacity: ClusterCapacity(
                    totalBytes: state.totalBytes,
                    usedBytes: state.usedBytes,
                    availableBytes: state.availableBytes
                )
            )
        )
    }
}
