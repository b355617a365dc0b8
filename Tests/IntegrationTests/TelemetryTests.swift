// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Logs and metrics of the program while it works on a real cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct TelemetryTests {
    private func start(_ arguments: [String]) async throws -> (process: RunningProcess, server: TestServer) {
        let user = try await TestCluster.userOptions
        let process = try RunningProcess(RunningDaemon.path, ["--port", "0"] + user + arguments)
        let line = try await process.waitForOutput(containing: "listening on ")
        return (process, TestServer(url: String(try #require(line.split(separator: " ").last))))
    }

    private func waitUntilReady(_ server: TestServer) async throws {
        while try await server.get("/readyz").status != 200 { try await Task.sleep(for: .milliseconds(50)) }
    }

    /// The key with which the service authenticates to the cluster.
    private func key() async throws -> String? {
        let text = try String(contentsOfFile: try await TestCluster.serviceKeyring, encoding: .utf8)
        return text.firstMatch(of: /key = (\S+)/).map { String($0.1) }
    }

    private func objects(_ log: String) throws -> [[String: Any]] {
        try log.split(separator: "\n").map { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return try #require(object, "\(line)")
        }
    }

    @Test func theLogAndTheMetricsTellWhatWasDone() async throws {
        try await TestCluster.withPool { pool, _ in
            let key = try #require(await key())
            #expect(key.count > 20)
            let (process, server) = try await start(["--log-level", "debug"])
            try await waitUntilReady(server)
            let images = "/v1/pools/\(pool)/images"
            // The key is in every part of a request. It must not reach the log.
            let encoded = try #require(key.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
            let created = try await server.send(
                "PUT",
                "\(images)/vol-1",
                body: #"{"size":"1GiB"}"#,
                headers: [
                    "Content-Type": "application/json", "X-Request-Id": "telemetry-1",
                    "Authorization": "Bearer \(key)", "X-Key": key,
                ]
            )
            #expect(created.status == 201, "\(created.text)")
            #expect(try await server.get("\(images)/vol-1?key=\(encoded)&key2=\(key)").status == 400)
            #expect(try await server.post(images, #"{"name":"vol-2","size":1,"key":"\#(key)"}"#).status == 400)
            let tinyBody = #"{"name":"tiny","size":"1KiB","objectSize":"1KiB"}"#
            #expect(try await server.post(images, tinyBody).status == 422)
            #expect(try await server.get("\(images)/none%0A%7B%7D").status == 404)
            let metrics = try await server.get("/metrics")
            process.signal(SIGTERM)
            let result = await process.finish()
            #expect(result.status == 0)

            #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let found = try Exposition(metrics.text)
            let route = "/v1/pools/{pool}/images/{image}"
            let name = "rbd_rest_api_http_requests_total"
            #expect(found.values(name, ["method": "PUT", "route": route, "status": "201"]) == [1])
            #expect(found.values(name, ["method": "GET", "route": route, "status": "404"]) == [1])
            #expect(found.values("rbd_rest_api_cluster_connected") == [1])
            #expect(try #require(found.values("rbd_rest_api_call_threads").first) > 0)
            #expect(found.values("rbd_rest_api_call_threads_stuck") == [0])
            #expect(found.values("rbd_rest_api_connection_generation") == [1])
            #expect(found.values("rbd_rest_api_breaker_open", ["scope": "monitors"]) == [0])
            let calls = "rbd_rest_api_ceph_call_duration_seconds_count"
            #expect(found.values(calls, ["operation": "create-image", "outcome": "ok"]) == [1])
            #expect(found.values(calls, ["operation": "create-image", "outcome": "invalid-object-size"]) == [1])
            #expect(!metrics.text.contains(pool))

            let lines = try objects(result.standardError)
            let put = try #require(
                lines.first { $0["request.id"] as? String == "telemetry-1" && $0["http.status"] != nil }
            )
            #expect(put["level"] as? String == "info")
            #expect(put["http.status"] as? Int == 201)
            #expect(put["http.route"] as? String == route)
            #expect(put["pool"] as? String == pool)
            #expect(put["image"] as? String == "vol-1")
            #expect(put["ceph.operation"] as? String == "create-image")
            let call = try #require(
                lines.first {
                    $0["message"] as? String == "Ceph call" && $0["image"] as? String == "vol-1"
                        && $0["ceph.operation"] as? String == "create-image"
                }
            )
            #expect(call["request.id"] as? String == "telemetry-1")
            #expect(call["pool"] as? String == pool)
            #expect(call["ceph.outcome"] as? String == "ok")
            #expect(try #require(put["duration.ms"] as? Double) > 0)
            let missing = try #require(lines.first { $0["image"] as? String == "none\n{}" && $0["http.status"] != nil })
            #expect(missing["problem.code"] as? String == "image-not-found")
            #expect(missing["level"] as? String == "debug")
            // The name was in the body. The log has it from the call.
            let tiny = try #require(lines.first { $0["image"] as? String == "tiny" && $0["http.status"] != nil })
            #expect(tiny["problem.code"] as? String == "invalid-object-size")
            #expect(tiny["errno"] as? Int == 33)
            #expect(tiny["pool"] as? String == pool)
            #expect(tiny["ceph.operation"] as? String == "create-image")
            #expect((tiny["error"] as? String)?.contains("errno 33") == true)
            for text in [result.standardError, result.standardOutput, metrics.text] {
                #expect(!text.contains(key))
                #expect(!text.contains(encoded))
            }
        }
    }

    @Test func metricsAreThereWithoutACluster() async throws {
        let (process, server) = try await start([
            "--ceph-conf", "/dev/null", "--ceph-args", "--mon-host 127.0.0.1:1 --keyring \(TestCluster.configFile)",
            "--ceph-connect-timeout", "2", "--probe-interval", "1",
        ])
        for _ in 0..<20 {
            #expect(try await server.get("/readyz").status == 503)
            let found = try Exposition(try await server.get("/metrics").text)
            #expect(found.values("rbd_rest_api_cluster_connected") == [0])
            try await Task.sleep(for: .milliseconds(200))
        }
        process.signal(SIGTERM)
        let result = await process.finish()
        #expect(result.status == 0)
        // Failed probes are not logged, because the cause is logged once.
        let lines = try objects(
            result.standardError.split(separator: "\n").filter { $0.hasPrefix("{") }.joined(separator: "\n")
        )
        #expect(!lines.contains { $0["http.route"] as? String == "/readyz" })
        #expect(lines.count { $0["message"] as? String == "the cluster does not answer" } == 1)
    }

    @Test func textOnRequest() async throws {
        let (process, server) = try await start(["--log-format", "text", "--log-level", "debug"])
        try await waitUntilReady(server)
        _ = try await server.send("GET", "/livez", headers: ["X-Request-Id": "telemetry-2"])
        process.signal(SIGTERM)
        let log = await process.finish().standardError
        let pattern = #/^\d{4}-\d\d-\d\dT[0-9:.]+Z debug request .*http\.route=/livez .*request\.id=telemetry-2$/#
        #expect(log.split(separator: "\n").contains { $0.firstMatch(of: pattern) != nil }, "\(log)")
    }
}
