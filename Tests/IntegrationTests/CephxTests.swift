// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// The service as each Ceph user of `docs/security.md`. The users are created with the commands of that page.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct CephxTests {
    /// The capabilities of a user, by kind of daemon.
    private typealias Caps = [(daemon: String, cap: String)]

    /// The capabilities in the page's command for a user.
    private func caps(of user: String) throws -> Caps {
        let caps = try TestCluster.command(of: user).matches(of: /(mon|osd|mgr) '([^']+)'/).map { match in
            (String(match.1), String(match.2))
        }
        #expect(caps.count == 2)
        return caps
    }

    private func withService(
        as caps: Caps,
        _ body: @escaping @Sendable (_ server: TestServer) async throws -> Void
    ) async throws {
        let user = TestCluster.uniqueName("client.narrow")
        let keyring = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keyring").path
        defer { try? FileManager.default.removeItem(atPath: keyring) }
        try await TestCluster.run(
            "ceph",
            ["auth", "get-or-create", user] + caps.flatMap { [$0.daemon, $0.cap] } + ["-o", keyring]
        )
        var configuration = try await TestCluster.configuration
        configuration.user = String(user.dropFirst("client.".count))
        configuration.keyring = keyring
        try await TestServer.run(cluster: configuration) { server in
            while try await server.get("/readyz").status != 200 { try await Task.sleep(for: .milliseconds(20)) }
            try await body(server)
        }
        try await TestCluster.run("ceph", ["auth", "del", user])
    }

    private func imageCaps(_ pool: String) throws -> Caps {
        try caps(of: "client.rbd-images").map { ($0.daemon, $0.cap.replacing("pool=volumes", with: "pool=\(pool)")) }
    }

    @Test func theUserOfImagesCanDoAllThatThereIsToImages() async throws {
        try await TestCluster.withPool { pool, _ in
            try await withService(as: imageCaps(pool)) { server in
                let images = "/v1/pools/\(pool)/images"
                func expect(_ status: Int, _ method: String, _ path: String, _ body: String = "") async throws {
                    let headers = body.isEmpty ? [:] : ["Content-Type": "application/json"]
                    let answer = try await server.send(method, path, body: body.isEmpty ? nil : body, headers: headers)
                    #expect(answer.status == status, "\(method) \(path): \(answer.text)")
                }
                try await expect(201, "PUT", "\(images)/one", #"{"size":"1GiB"}"#)
                try await expect(201, "PUT", "\(images)/two", #"{"size":"1GiB","stripeUnit":65536,"stripeCount":4}"#)
                try await expect(200, "GET", "\(images)?fields=usage,watchers,children,mirroring,encryption")
                try await expect(200, "PATCH", "\(images)/one", #"{"size":"2GiB","metadata":{"a":"b"}}"#)
                try await expect(201, "POST", "\(images)/one/snapshots", #"{"name":"s"}"#)
                let source = #"{"pool":"\#(pool)","image":"one","snapshot":"s"}"#
                try await expect(201, "POST", images, #"{"name":"clone","source":\#(source)}"#)
                try await expect(200, "POST", "\(images)/clone/flatten?wait=60s")
                try await expect(200, "DELETE", "\(images)/clone")
                try await expect(204, "DELETE", "\(images)/two?purge=true&wait=60s")
                try await expect(200, "GET", "/v1/pools/\(pool)")
                try await expect(200, "GET", "/v1/cluster")
                try await expect(502, "POST", "/v1/pools", #"{"name":"\#(TestCluster.uniqueName())"}"#)
            }
        }
    }

    @Test func theUserOfOnePoolCanDoNothingInAnother() async throws {
        try await TestCluster.withPool { own, _ in
            try await TestCluster.withPool { other, cluster in
                _ = try await cluster.pool(other).createImage(named: "theirs", sizeBytes: 1 << 20)
                try await withService(as: imageCaps(own)) { server in
                    let images = "/v1/pools/\(other)/images"
                    for (method, path) in [
                        ("GET", images), ("GET", "\(images)/theirs"), ("DELETE", "\(images)/theirs"),
                    ] {
                        let problem = try await server.send(method, path).problem
                        #expect(problem.code == "cluster-credentials-refused", "\(method) \(path)")
                    }
                    let problem = try await server.put("\(images)/mine", #"{"size":"1GiB"}"#).problem
                    #expect(problem.code == "cluster-credentials-refused")
                }
                #expect(try await cluster.pool(other).images().images.map(\.name) == ["theirs"])
            }
        }
    }

    @Test func withoutTheMonitorsProfileNobodyIsShutOut() async throws {
        try await TestCluster.withPool { pool, _ in
            let caps = try imageCaps(pool).map { $0.daemon == "mon" ? ("mon", "allow r") : $0 }
            try await withService(as: caps) { server in
                let path = "/v1/pools/\(pool)/images/one"
                #expect(try await server.put(path, #"{"size":"1GiB"}"#).status == 201)
                try await TestCluster.run("rbd", ["lock", "add", "\(pool)/one", "backup"])
                let locks = try await server.get("\(path)/locks").decoded(as: ImageLocks.self)
                let client = try #require(locks.items.first?.client)
                let problem = try await server.delete("\(path)/locks/\(client)?confirm=\(client)").problem
                #expect(problem.code == "cluster-credentials-refused")
                // Everything else continues to work.
                let other = "/v1/pools/\(pool)/images/two"
                #expect(try await server.put(other, #"{"size":"1GiB"}"#).status == 201)
                let snapshot = try await server.post("\(other)/snapshots", #"{"name":"s"}"#)
                #expect(snapshot.status == 201, "\(snapshot.text)")
                let removed = try await server.delete("\(other)/snapshots/s")
                #expect(removed.status == 204, "\(removed.text)")
            }
        }
    }

    @Test func theUserOfPoolsCanDoAllThatThereIsToPools() async throws {
        try await withService(as: caps(of: "client.rbd-pools")) { server in
            let (name, renamed) = (TestCluster.uniqueName(), TestCluster.uniqueName())
            let made = try await server.post(
                "/v1/pools?wait=60s",
                #"{"name":"\#(name)","pgNum":8,"size":1,"autoscale":"off"}"#
            )
            #expect(made.status == 201, "\(made.text)")
            for change in [#"{"quota":{"maxBytes":"1GiB"}}"#, #"{"autoscale":"warn"}"#, #"{"name":"\#(renamed)"}"#] {
                let changed = try await server.patch("/v1/pools/\(name)", change)
                #expect(changed.status == 200, "\(change): \(changed.text)")
            }
            #expect(try await server.put("/v1/pools/\(renamed)/images/one", #"{"size":"1GiB"}"#).status == 201)
            let deleted = try await server.delete("/v1/pools/\(renamed)?confirm=\(renamed)")
            #expect(deleted.status == 204, "\(deleted.text)")
        }
    }

    @Test(
        arguments: [
            ("osd pool create", "create"), ("osd pool application enable", "create"),
            ("osd pool application set", "create"), ("osd erasure-code-profile set", "erasure"),
            ("osd pool delete", "delete"), ("osd pool rename", "rename"),
            ("osd pool set", "change"), ("osd pool set-quota", "quota"),
        ]
    )
    func eachCommandOfTheUserOfPoolsIsNeeded(command: String, request: String) async throws {
        let caps = try caps(of: "client.rbd-pools").map { daemon, cap in
            (daemon, cap.replacing(", allow command \"\(command)\"", with: ""))
        }
        #expect(caps.map(\.1) != (try self.caps(of: "client.rbd-pools").map(\.cap)))
        try await TestCluster.withPool { pool, cluster in
            try await withService(as: caps) { server in
                let name = TestCluster.uniqueName()
                let path = "/v1/pools/\(pool)"
                let answer =
                    switch request {
                    case "create":
                        try await server.post(
                            "/v1/pools?wait=60s",
                            #"{"name":"\#(name)","pgNum":8,"size":1,"autoscale":"off"}"#
                        )
                    case "erasure":
                        try await server.post(
                            "/v1/pools?wait=60s",
                            #"{"name":"\#(name)","type":"erasure","dataChunks":7,"codingChunks":3}"#
                        )
                    case "delete": try await server.delete("\(path)?confirm=\(pool)")
                    case "rename": try await server.patch(path, #"{"name":"\#(name)"}"#)
                    case "quota": try await server.patch(path, #"{"quota":{"maxBytes":"1GiB"}}"#)
                    default: try await server.patch(path, #"{"autoscale":"warn"}"#)
                    }
                #expect(answer.status == 502, "\(answer.text)")
                #expect(try answer.problem.code == "cluster-credentials-refused")
                // An unfinished create is cleaned up.
                if ["create", "erasure"].contains(request),
                    try await cluster.pools().contains(where: { $0.name == name })
                {
                    try await cluster.deletePool(named: name)
                }
            }
        }
    }
}
