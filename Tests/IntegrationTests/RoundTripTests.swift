// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// The cost of requests in the cluster, as librados itself counts it: operations on objects, each of which is a round
/// trip. No clock is involved, so the tests detect a more expensive change on any machine, however busy.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable))
struct RoundTripTests {
    /// Reads from a client of the cluster how many operations it has sent.
    private struct Meter {
        let socket: String

        private struct Dump: Decodable {
            struct Objecter: Decodable {
                var op: Int
            }

            var objecter: Objecter
        }

        func count() async throws -> Int {
            let arguments = ["--admin-daemon", socket, "perf", "dump", "objecter"]
            let text = try await TestCluster.run("ceph", arguments)
            return try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).objecter.op
        }

        /// The minimum of several tries, because the service sometimes contacts the cluster by itself.
        func operations(of body: (_ attempt: Int) async throws -> Void) async throws -> Int {
            var least = Int.max
            for attempt in 0..<4 {
                let before = try await count()
                try await body(attempt)
                least = min(least, try await count() - before)
            }
            return least
        }
    }

    /// Runs the body with a service whose client's operations can be counted, and with a pool.
    private func withMeter(
        tokenFile: String? = nil,
        _ body: @escaping @Sendable (_ server: TestServer, _ meter: Meter, _ pool: String) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rbd-\(UInt32.random(in: 0 ... .max))"
        )
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let socket = directory.appendingPathComponent("client.asok").path
        let file = directory.appendingPathComponent("ceph.conf")
        let text = try String(contentsOfFile: TestCluster.configFile, encoding: .utf8)
        try "\(text)\n[client]\nadmin socket = \(socket)\n".write(to: file, atomically: true, encoding: .utf8)
        var cluster = try await TestCluster.configuration
        cluster.configFile = file.path
        // The service looks for operations in all pools, also those of other tests, when it begins. It does not look
        // again before these tests are over.
        let change: (inout ServiceConfiguration) -> Void = {
            $0.operationLease = .seconds(3600)
            $0.tokenFile = tokenFile
        }
        try await TestServer.run(cluster: cluster, change: change) { server in
            while try await server.get("/readyz").status != 200 { try await Task.sleep(for: .milliseconds(20)) }
            try await TestCluster.withPool { pool, _ in try await body(server, Meter(socket: socket), pool) }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aListTakesOneRoundTripForEachImage() async throws {
        try await withMeter { server, meter, pool in
            let images = "/v1/pools/\(pool)/images"
            let count = 150
            for number in 0..<count {
                #expect(try await server.put("\(images)/v-\(1000 + number)", #"{"size":"1MiB"}"#).status == 201)
            }
            func cost(_ query: String, accept: String = "application/json", shows expected: Int) async throws -> Int {
                try await meter.operations { _ in
                    let answer = try await server.send("GET", "\(images)\(query)", headers: ["Accept": accept])
                    let shown = answer.text.components(separatedBy: #""spec":"#).count - 1
                    #expect(answer.status == 200)
                    #expect(shown == expected)
                }
            }
            // One list costs the names, the trash, and each image once.
            let all = try await cost("", shows: count)
            #expect(all <= count + 3)
            // The first batch of a stream requests only its own names.
            let stream = try await cost("", accept: "application/x-ndjson", shows: count)
            #expect(stream <= count + 4)
            let page = try await cost("?limit=10", shows: 10)
            #expect(page <= 10 + 2)
            // The next page costs the same, because the directory is read from where the first page ended.
            let first = try await server.get("\(images)?limit=10").decoded(as: Page<RBDAPI.Image>.self)
            let cursor = try #require(first.nextCursor)
            let next = try await cost("?limit=10&cursor=\(cursor)", shows: 10)
            #expect(next <= 10 + 2)
            // Names that do not match cost nothing.
            let chosen = try await cost("?name~=v-1149", shows: 1)
            #expect(chosen <= 1 + 3)
            // An image that has changed costs two operations once: its version, and then its header.
            for number in 120..<150 {
                let status = try await server.patch("\(images)/v-\(1000 + number)", #"{"size":"2MiB"}"#).status
                #expect(status == 200)
            }
            let before = try await meter.count()
            #expect(try await server.get("\(images)?prefix=v-1").status == 200)
            let changed = try await meter.count() - before
            #expect(changed >= count + 30)
            #expect(changed <= count + 30 + 3)
            // An image that has ever had a snapshot costs a second operation, which counts them.
            for number in 0..<15 {
                try await TestCluster.run("rbd", ["snap", "create", "\(pool)/v-\(1000 + number)@s"])
            }
            let snapshots = try await cost("?prefix=v-101", shows: 10)
            #expect(snapshots <= 10 + 5 + 3)
        }
    }

    @Test func whatOneImageCosts() async throws {
        try await withMeter { server, meter, pool in
            let images = "/v1/pools/\(pool)/images"
            #expect(try await server.put("\(images)/first", #"{"size":"1GiB"}"#).status == 201)
            // A create checks whether the name exists, takes the claim, reads rbd_info, writes the directory, the name,
            // the header and the object map, reads the header back, and releases the claim.
            let create = try await meter.operations { attempt in
                let status = try await server.put("\(images)/v-\(attempt)", #"{"size":"1GiB"}"#).status
                #expect(status == 201)
            }
            #expect(create <= 9)
            // A PUT of an existing image reads the directory, the header, the metadata and the trash, and checks the
            // object map and rbd_id. It takes no claim.
            let put = try await meter.operations { _ in
                let status = try await server.put("\(images)/first", #"{"size":"1GiB"}"#).status
                #expect(status == 200)
            }
            #expect(put <= 6)
            let get = try await meter.operations { _ in
                let status = try await server.get("\(images)/first").status
                #expect(status == 200)
            }
            #expect(get <= 4)
            let probes = try await meter.operations { _ in
                for _ in 0..<10 { _ = try await server.get("/livez") }
            }
            #expect(probes == 0)
        }
    }

    /// An image that exists but is out of scope costs as much as one that does not exist, so the time of the answer
    /// says nothing.
    @Test(.timeLimit(.minutes(3)))
    func whatIsOutOfScopeIsAsMuchWorkAsWhatIsMissing() async throws {
        let identities = try TestIdentities(["everything": ["all:*"], "other": ["all:*/b-*", "all:*/team/b-*"]])
        try await withMeter(tokenFile: identities.path) { server, meter, pool in
            let everything = server.with(token: identities.token(of: "everything"))
            let other = server.with(token: identities.token(of: "other"))
            let base = "/v1/pools/\(pool)"
            #expect(try await everything.put("\(base)/images/a-1", #"{"size":"1MiB"}"#).status == 201)
            #expect(try await everything.post("\(base)/images/a-1/snapshots", #"{"name":"s"}"#).status == 201)
            #expect(try await everything.post("\(base)/groups", #"{"name":"a-g"}"#).status == 201)
            let requests: [(String, String, String?)] = [
                ("GET", "images/NAME", nil), ("DELETE", "images/NAME", nil), ("GET", "images/NAME/snapshots", nil),
                ("PATCH", "images/NAME", #"{"size":"2MiB"}"#), ("POST", "images/NAME/flatten", nil),
                ("GET", "images/NAME/children", nil), ("POST", "images/NAME/snapshots", #"{"name":"t"}"#),
                ("DELETE", "images/NAME/snapshots/s", nil), ("GET", "images/NAME/locks", nil),
                ("GET", "groups/NAME", nil),
            ]
            for (method, path, body) in requests {
                func cost(_ server: TestServer, _ name: String) async throws -> Int {
                    try await meter.operations { _ in
                        let headers = body == nil ? [:] : ["Content-Type": "application/json"]
                        let url = "\(base)/\(path.replacing("NAME", with: name))"
                        let answer = try await server.send(method, url, body: body, headers: headers)
                        #expect(answer.status == 404, "\(answer.text)")
                    }
                }
                let name = path.hasPrefix("groups") ? "a-g" : "a-1"
                let hidden = try await cost(other, name)
                let missing = try await cost(everything, "a-0")
                #expect(hidden == missing, "\(method) \(path)")
                #expect(missing > 0, "\(method) \(path)")
            }
        }
    }
}
