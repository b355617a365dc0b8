// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// The used space of images, compared with `rbd du`.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct UsageTests {
    private struct DiskUsage: Decodable {
        struct Image: Decodable {
            var used: UInt64

            private enum CodingKeys: String, CodingKey {
                case used = "used_size"
            }
        }
        var images: [Image]
    }

    private func du(_ spec: String, _ options: String...) async throws -> UInt64? {
        let text = try await TestCluster.run("rbd", ["du", "--format", "json", spec] + options)
        return try JSONDecoder().decode(DiskUsage.self, from: Data(text.utf8)).images.first?.used
    }

    @Test func usage() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                let bodies = [
                    "mapped": #"{"size":"1GiB"}"#, "plain": #"{"size":"1GiB","features":["layering"]}"#,
                    "huge": #"{"size":"1TiB","features":["layering"]}"#, "empty": #"{"size":"1GiB"}"#,
                ]
                for (name, body) in bodies { #expect(try await server.put("\(images)/\(name)", body).status == 201) }
                for name in ["mapped", "plain"] {
                    let bench = "bench --io-type write --io-size 64K --io-total 1M --io-pattern rand \(pool)/\(name)"
                    try await TestCluster.run("rbd", bench.split(separator: " ").map(String.init))
                }
                #expect(try await server.get(images).decoded(as: Page<Image>.self).items.allSatisfy { $0.usage == nil })
                let listed = try await server.get("\(images)?fields=usage").decoded(as: Page<Image>.self).items
                let found = Dictionary(uniqueKeysWithValues: listed.map { ($0.name, $0.usage) })
                let (whole, exact) = (try await du("\(pool)/mapped"), try await du("\(pool)/plain", "--exact"))
                #expect(
                    found["mapped"]
                        == ImageUsage(provisionedBytes: 1 << 30, usedBytes: whole, approximate: true)
                )
                #expect(
                    found["plain"]
                        == ImageUsage(provisionedBytes: 1 << 30, usedBytes: exact, approximate: false)
                )
                #expect(found["empty"] == ImageUsage(provisionedBytes: 1 << 30, usedBytes: 0, approximate: true))
                #expect(found["huge"] == ImageUsage(provisionedBytes: 1 << 40, usedBytes: nil, approximate: true))
                let one = try await server.get("\(images)/mapped?fields=usage").decoded(as: Image.self)
                #expect(one.usage == found["mapped"])
                #expect(try await server.get("\(images)/mapped?fields=users").problem.field == "fields")
                let told = try await rbdctl(server, "image", "usage", "--all", pool)
                let line = try #require(told.standardOutput.split(separator: "\n").first { $0.contains("/plain ") })
                #expect(line.hasSuffix(" \(ByteCount(exact ?? 0).rounded)"), "\(line)")
                #expect(try await rbdctl(server, "image", "du", "\(pool)/empty").standardOutput.contains("~0 B"))
            }
        }
    }
}
