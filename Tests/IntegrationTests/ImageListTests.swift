// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// `GET /v1/pools/{pool}/images`: which images it lists, in which order, and in which form.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct ImageListTests {
    private static let sizes: [(name: String, mebibytes: Int)] = [
        ("alpha", 30), ("beta", 10), ("delta", 20), ("gamma-1", 20), ("gamma-2", 5), ("omega", 10),
    ]

    private func withImages(
        _ body: @escaping @Sendable (_ server: TestServer, _ images: String, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                for (name, size) in Self.sizes {
                    let features = name.hasPrefix("gamma") ? #","features":["layering","exclusive-lock"]"# : ""
                    let body = #"{"size":"\#(size)MiB"\#(features)}"#
                    #expect(try await server.put("\(images)/\(name)", body).status == 201)
                }
                try await body(server, images, pool)
            }
        }
    }

    private func names(_ server: TestServer, _ path: String) async throws -> [String] {
        let answer = try await server.get(path)
        #expect(answer.status == 200, "\(answer.text)")
        return try answer.decoded(as: Page<RBDAPI.Image>.self).items.map(\.name)
    }

    @Test func imagesAreChosen() async throws {
        try await withImages { server, images, _ in
            let cases: [(query: String, names: [String])] = [
                ("prefix=gamma", ["gamma-1", "gamma-2"]),
                ("prefix=gamma-3", []),
                ("name~=eta", ["beta"]),
                ("name~=a-", ["gamma-1", "gamma-2"]),
                ("name~=a*-?", ["gamma-1", "gamma-2"]),
                ("name~=%3Feta", ["beta"]),
                ("name~=", Self.sizes.map(\.name)),
                ("name~=m*a&prefix=o", ["omega"]),
                ("feature=object-map", ["alpha", "beta", "delta", "omega"]),
                ("feature=layering,exclusive-lock", Self.sizes.map(\.name)),
                ("feature=object-map&prefix=g", []),
                ("minSize=20MiB", ["alpha", "delta", "gamma-1"]),
                ("maxSize=10485760", ["beta", "gamma-2", "omega"]),
                ("minSize=10MiB&maxSize=20MiB&feature=object-map", ["beta", "delta", "omega"]),
                ("limit=2&minSize=20MiB", ["alpha", "delta"]),
            ]
            for (query, expected) in cases {
                let found = try await names(server, "\(images)?\(query)")
                #expect(found == expected, "\(query)")
            }
        }
    }

    private func all(_ server: TestServer, _ images: String, _ query: String) async throws -> [String] {
        var (found, next, pages) = ([String](), "", 0)
        repeat {
            let page = try await server.get("\(images)?\(query)\(next)").decoded(as: Page<RBDAPI.Image>.self)
            found += page.items.map(\.name)
            next = page.nextCursor.map { "&cursor=\($0)" } ?? ""
            pages += 1
        } while !next.isEmpty && pages < 20
        return found
    }

    @Test func everyOrderIsPaged() async throws {
        try await withImages { server, images, _ in
            let bySize = ["gamma-2", "beta", "omega", "delta", "gamma-1", "alpha"]
            let cases: [(query: String, names: [String])] = [
                ("sort=name", Self.sizes.map(\.name)),
                ("sort=name&order=desc", Self.sizes.map(\.name).reversed()),
                ("sort=size", bySize),
                ("sort=size&order=desc", bySize.reversed()),
                ("sort=created", Self.sizes.map(\.name)),
                ("sort=created&order=desc", Self.sizes.map(\.name).reversed()),
                ("sort=size&feature=object-map", ["beta", "omega", "delta", "alpha"]),
                ("minSize=20MiB", ["alpha", "delta", "gamma-1"]),
            ]
            for (query, expected) in cases {
                for limit in [1, 2, 3, 5, 6, 7] {
                    let found = try await all(server, images, "\(query)&limit=\(limit)")
                    #expect(found == expected, "\(query) \(limit)")
                }
            }
            // Images that are created and deleted between two pages do not move other images.
            let first = try await server.get("\(images)?sort=size&limit=3").decoded(as: Page<RBDAPI.Image>.self)
            #expect(first.items.map(\.name) == ["gamma-2", "beta", "omega"])
            for name in ["omega", "gamma-2"] {
                #expect(try await server.delete("\(images)/\(name)?purge=true").status == 202)
            }
            #expect(try await server.put("\(images)/small", #"{"size":"1MiB"}"#).status == 201)
            #expect(try await server.put("\(images)/large", #"{"size":"25MiB"}"#).status == 201)
            let cursor = try #require(first.nextCursor)
            let rest = try await names(server, "\(images)?sort=size&cursor=\(cursor)")
            #expect(rest == ["delta", "gamma-1", "large", "alpha"])
        }
    }

    @Test func whatCannotBeMeantIsRefused() async throws {
        try await withImages { server, images, _ in
            let bySize = try await server.get("\(images)?sort=size&limit=1").decoded(as: Page<RBDAPI.Image>.self)
            let cursor = try #require(bySize.nextCursor)
            let cases = [
                ("sort=age", "sort"), ("order=up", "order"), ("feature=warp", "feature"), ("minSize=much", "minSize"),
                ("maxSize=-1", "maxSize"), ("minSize=2MiB&maxSize=1MiB", "maxSize"), ("fields=secrets", "fields"),
                ("cursor=%21", "cursor"), ("cursor=\(cursor)", "cursor"), ("sort=created&cursor=\(cursor)", "cursor"),
                ("limit=0", "limit"), ("name=a", "name"),
            ]
            for (query, field) in cases {
                let problem = try await server.get("\(images)?\(query)").problem
                #expect(problem.code == "invalid-parameter", "\(query)")
                #expect(problem.field == field, "\(query)")
            }
        }
    }

    // MARK: Streams

    private func stream(_ server: TestServer, _ path: String) async throws -> [Image] {
        let answer = try await server.send("GET", path, headers: ["Accept": "application/x-ndjson"])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.headers["content-type"] == "application/x-ndjson")
        #expect(answer.text.isEmpty || answer.text.hasSuffix("\n"))
        return try answer.text.split(separator: "\n").map { try JSONDecoder().decode(Image.self, from: Data($0.utf8)) }
    }

    @Test func aStreamHasALineForEachImage() async throws {
        try await withImages { server, images, pool in
            let page = try await server.get(images).decoded(as: Page<RBDAPI.Image>.self)
            #expect(try await stream(server, images) == page.items)
            let chosen = try await stream(server, "\(images)?feature=object-map&limit=2&name~=a")
            #expect(chosen.map(\.name) == ["alpha", "beta"])
            #expect(try await stream(server, "\(images)?prefix=none").isEmpty)
            let used = try await stream(server, "\(images)?fields=usage&prefix=alpha")
            #expect(used.first?.usage?.provisionedBytes == 30 << 20)
            // A stream that can't begin is an ordinary answer.
            for (path, code) in [
                ("\(images)?sort=size", "invalid-parameter"), ("\(images)?order=desc", "invalid-parameter"),
                ("\(images)?namespace=nowhere", "namespace-not-found"),
                ("/v1/pools/no-\(pool)/images", "pool-not-found"),
            ] {
                let answer = try await server.send("GET", path, headers: ["Accept": "application/x-ndjson"])
                #expect(try answer.problem.code == code)
            }
            let plain = try await server.send("GET", images, headers: ["Accept": "application/x-ndjson;q=0, */*"])
            #expect(plain.headers["content-type"] == "application/json")
        }
    }

    /// A pool with more images than one batch.
    @Test func aStreamIsMoreThanOneBatch() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { name, cluster in
                let pool = cluster.pool(name)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for part in 0..<6 {
                        group.addTask {
                            for number in 0..<100 {
                                let number = 1000 + part * 100 + number
                                _ = try await pool.createImage(named: "v-\(number)", sizeBytes: 1 << 20)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let images = "/v1/pools/\(name)/images"
                let expected = (1000..<1600).map { "v-\($0)" }
                #expect(try await stream(server, images).map(\.name) == expected)
                #expect(try await names(server, "\(images)?limit=10000") == expected)
                #expect(try await all(server, images, "limit=250") == expected)
                #expect(try await all(server, images, "limit=250&order=desc") == expected.reversed())
            }
        }
    }

    /// A client can't take half a list for the whole. The stream ends with the problem, and without HTTP's last chunk.
    @Test func aStreamThatFailsIsCutOff() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { name, cluster in
                // More than fits into all buffers on the way to a reader that does not read yet.
                let count = 8000
                try await TestCluster.listImages(count, named: String(repeating: "v", count: 300), in: name, cluster)
                let connection = try RawConnection(to: server.url, receiveBuffer: 4096)
                connection.send(
                    "GET /v1/pools/\(name)/images HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n"
                )
                let begin = await connection.read { $0.contains(#""spec":"#) }
                #expect(begin.hasPrefix("HTTP/1.1 200 "))
                try await cluster.deletePool(named: name)
                let text = begin + (await connection.read())
                #expect(text.components(separatedBy: #""spec":"#).count - 1 < count)
                #expect(text.contains(#""code":"pool-not-found""#), "\(text.suffix(400))")
                #expect(!text.hasSuffix("0\r\n\r\n"))
                _ = try await cluster.createPool(named: name, options: PoolOptions(pgNum: 1, size: 1, autoscale: .off))
            }
        }
    }

    // MARK: Unchanged, and compressed

    @Test func whatIsUnchangedIsNotSentAgain() async throws {
        try await withImages { server, images, _ in
            let first = try await server.get(images)
            let tag = try #require(first.headers["etag"])
            #expect(tag.hasPrefix("W/\""))
            let again = try await server.send("GET", images, headers: ["If-None-Match": tag])
            #expect(again.status == 304)
            #expect(again.text.isEmpty)
            #expect(again.headers["etag"] == tag)
            #expect(try await server.get("\(images)?limit=1").headers["etag"] != tag)
            #expect(try await server.patch("\(images)/beta", #"{"size":"11MiB"}"#).status == 200)
            let changed = try await server.send("GET", images, headers: ["If-None-Match": tag])
            #expect(changed.status == 200)
            #expect(changed.headers["etag"] != tag)
        }
    }

    @Test func longAnswersAreCompressedForThoseWhoAsk() async throws {
        try await withImages { server, images, _ in
            func curl(_ arguments: String...) async throws -> String {
                let result = try await Subprocess.run(
                    "/usr/bin/curl",
                    ["--silent", "--noproxy", "*", "--include"] + arguments
                )
                #expect(result.status == 0, "\(arguments): \(result.standardError)")
                return result.standardOutput
            }
            let url = "\(server.url)\(images)"
            let plain = try await curl(url)
            #expect(!plain.lowercased().contains("content-encoding"))
            #expect(plain.contains("Vary: Accept, Accept-Encoding"))
            let body = plain.components(separatedBy: "\r\n\r\n").last
            for encoding in ["gzip", "deflate", "gzip;q=0.5, br"] {
                let squeezed = try await curl("--compressed", "--header", "Accept-Encoding: \(encoding)", url)
                let told = "content-encoding: \(encoding.prefix { $0 != ";" })"
                #expect(squeezed.lowercased().contains(told), "\(encoding)")
                #expect(squeezed.components(separatedBy: "\r\n\r\n").last == body)
                #expect(!squeezed.contains("X-Compress"))
            }
            let lines = try await curl("--compressed", "--header", "Accept: application/x-ndjson", url)
            #expect(lines.lowercased().contains("content-encoding:"))
            let streamed = lines.components(separatedBy: "\r\n\r\n").last?.split(separator: "\n")
            #expect(streamed?.count == Self.sizes.count)
            // An answer without a body is not compressed, nor is one for HTTP/1.0, nor a short one.
            for arguments in [["--head"], ["--http1.0"], ["--get", "--data", "limit=1"]] {
                let result = try await Subprocess.run(
                    "/usr/bin/curl",
                    ["--silent", "--noproxy", "*", "--include", "--compressed", url] + arguments
                )
                #expect(result.status == 0, "\(arguments)")
                #expect(!result.standardOutput.lowercased().contains("content-encoding"), "\(arguments)")
                #expect(!result.standardOutput.contains("X-Compress"), "\(arguments)")
            }
        }
    }

    // MARK: Details

    @Test func detailsAreToldToThoseWhoAsk() async throws {
        try await withImages { server, images, pool in
            try await TestCluster.run("rbd", ["snap", "create", "\(pool)/alpha@s"])
            let clone = #"{"name":"clone","source":{"image":"alpha","snapshot":"s"}}"#
            #expect(try await server.post(images, clone).status == 201)
            let client = try await TestCluster.openClient(of: "\(pool)/beta")
            let listed = try await server.get("\(images)?fields=watchers,children,usage")
                .decoded(as: Page<RBDAPI.Image>.self)
            for image in listed.items {
                #expect(image.watchers?.count == (image.name == "beta" ? 1 : 0), "\(image.name)")
                let children = image.name == "alpha" ? ["\(pool)/clone"] : []
                #expect(image.children?.map(\.spec) == children, "\(image.name)")
                #expect(image.usage?.provisionedBytes == image.sizeBytes)
                let one = try await server.get("\(images)/\(image.name)?fields=children,watchers,usage")
                    .decoded(as: Image.self)
                #expect(one.children == image.children)
                #expect(one.watchers == image.watchers)
            }
            let some = try await server.get("\(images)?fields=watchers&prefix=beta")
                .decoded(as: Page<RBDAPI.Image>.self)
            #expect(some.items.first?.watchers?.count == 1)
            #expect(some.items.first?.children == nil)
            #expect(some.items.first?.usage == nil)
            try client.endInput()
            _ = await client.finish()
        }
    }
}
