// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Ceph
import Foundation
import NIOCore
import NIOHTTP1
import RBDAPI
import RBDService
import TestSupport
import Testing

/// The answer of a webhook.
struct Verdict: Decodable {
    struct Response: Decodable {
        struct Status: Decodable {
            var code: Int
            var message: String
        }
        var uid: String
        var allowed: Bool
        var status: Status?
        var warnings: [String]?
    }
    var response: Response
}

/// A service with a webhook.
struct VolumeSetting: Sendable {
    let server: TestServer
    let client: HTTPClient
    let pool: String
    let fsid: String

    func review(_ review: String, timeout: String = "10s") async throws -> Verdict.Response {
        let path = "/kubernetes/v1/admission/persistentvolumes?timeout=\(timeout)"
        var request = HTTPClientRequest(url: try #require(server.webhookURL) + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: review))
        let response = try await client.execute(request, timeout: .seconds(60))
        let body = Data(try await response.body.collect(upTo: 1 << 20).readableBytesView)
        #expect(response.status == .ok, "\(String(decoding: body, as: UTF8.self))")
        return try JSONDecoder().decode(Verdict.self, from: body).response
    }

    func ask(_ volume: TestVolume, isDryRun: Bool = false) async throws -> TestServer.Answer {
        try await server.post("/kubernetes/v1/persistentvolumes\(isDryRun ? "?dryRun=true" : "")", volume.json)
    }

    func volume(_ image: String = "vol", storage: String = "1Gi") -> TestVolume {
        TestVolume(pool: pool, fsid: fsid, image: image, storage: storage)
    }

    func images() async throws -> [String] {
        try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").map(String.init)
    }
}

/// Runs the body with the service, and with a pool of its own that is allowed for volumes.
/// - Parameter otherPools: further pools that are allowed.
func withVolumeSetting(
    _ settings: [String: String] = [:],
    alsoAllowing otherPools: [String] = [],
    _ body: @escaping @Sendable (VolumeSetting) async throws -> Void
) async throws {
    try await TestCluster.withPool { pool, cluster in
        let certificate = try await ServerCertificate()
        var all = [
            "port": "0", "webhook-port": "0", "audit-log": "off",
            "webhook-tls-certificate": certificate.certificate,
            "webhook-tls-key": certificate.key,
            "kubernetes-pools": ([pool, "absent"] + otherPools).joined(separator: ","),
        ]
        all.merge(settings) { $1 }
        let values = try SettingValues(commandLine: all, environment: [:], file: nil)
        var configuration = try ServiceConfiguration(values)
        configuration.cluster = try await TestCluster.configuration
        let fsid = cluster.fsid
        try await TestServer.withCluster(change: { [configuration] in $0 = configuration }) { server in
            try await withTLSClient(trusting: certificate.trust) { client in
                try await body(VolumeSetting(server: server, client: client, pool: pool, fsid: fsid))
            }
        }
    }
}
