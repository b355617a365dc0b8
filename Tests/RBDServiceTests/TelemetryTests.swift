// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import Ceph
@testable import RBDService

/// Metrics and log lines of requests, through the router and without a cluster.
@Suite(.timeLimit(.minutes(5)))
struct TelemetryTests {
    private let recorder = LogRecorder()

    private func makeService() throws -> RBDService {
        let values = try SettingValues(commandLine: ["audit-log": "off"], environment: [:], file: nil)
        return try RBDService(configuration: ServiceConfiguration(values), logger: recorder.logger())
    }

    private func withClient(
        _ service: RBDService,
        _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        let application = Application(router: service.buildRouter(), logger: recorder.logger())
        try await application.test(.router) { try await body($0) }
    }

    private func scrape(_ client: any TestClientProtocol) async throws -> Exposition {
        try await client.execute(uri: "/metrics", method: .get) { response in
            #expect(response.status == .ok)
            #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            return try Exposition(String(buffer: response.body))
        }
    }

    /// The lines about requests.
    private func lines(_ message: String = "request") throws -> [[String: Any]] {
        try recorder.lines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }.filter { $0["message"] as? String == message }
    }

    @Test func requestsAreCountedByRouteAndStatus() async throws {
        try await withClient(makeService()) { client in
            for _ in 0..<3 { try await client.execute(uri: "/livez", method: .get) { _ in } }
            try await client.execute(uri: "/v1/pools/rbd/images/vol-1", method: .get) { _ in }
            try await client.execute(uri: "/v1/pools/rbd", method: .delete) { _ in }
            try await client.execute(uri: "/v1/pools/rbd", method: .put) { _ in }
            // Hummingbird parses this path as the pool "images".
            try await client.execute(uri: "/v1/pools//images", method: .get) { _ in }
            let found = try await scrape(client)
            let name = "rbd_rest_api_http_requests_total"
            #expect(found.values(name, ["method": "GET", "route": "/livez", "status": "200"]) == [3])
            let image = ["method": "GET", "route": "/v1/pools/{pool}/images/{image}"]
            #expect(found.values(name, image.merging(["status": "503"]) { $1 }) == [1])
            #expect(found.values("rbd_rest_api_http_request_duration_seconds_count", image) == [1])
            #expect(found.values(name, ["method": "DELETE", "route": "/v1/pools/{pool}", "status": "400"]) == [1])
            #expect(found.values(name, ["method": "PUT", "route": "unmatched", "status": "405"]) == [1])
            #expect(found.values(name, ["method": "GET", "route": "unmatched", "status": "404"]) == [1])
            // Only the request that reads the metrics is in flight.
            #expect(found.values("rbd_rest_api_http_requests_in_flight") == [1])
            #expect(found.values("rbd_rest_api_cluster_connected") == [0])
            #expect(found.values("rbd_rest_api_call_threads_stuck") == [0])
            #expect(found.values("rbd_rest_api_build_info", ["version": programVersion]) == [1])
            let next = try await scrape(client)
            #expect(next.values(name, ["method": "GET", "route": "/metrics", "status": "200"]) == [1])
        }
    }

    @Test func theProcessIsMeasured() async throws {
        try await withClient(makeService()) { client in
            let found = try await scrape(client)
            let memory = try #require(found.values("process_resident_memory_bytes").first)
            #expect((1_000_000...100_000_000_000).contains(memory))
            let files = try #require(found.values("process_open_fds").first)
            let limit = try #require(found.values("process_max_fds").first)
            #expect(files >= 3 && files <= limit)
            let start = try #require(found.values("process_start_time_seconds").first)
            let age = Date().timeIntervalSince1970 - start
            #expect((0...86_400).contains(age))
            #expect(try #require(found.values("process_cpu_seconds_total").first) > 0)
            let again = try await scrape(client)
            #expect(again.values("process_start_time_seconds") == [start])
        }
    }

    @Test func callersCannotMakeSeries() async throws {
        try await withClient(makeService()) { client in
            // One request of each kind, so that all series exist.
            func ask(_ number: Int) async throws {
                try await client.execute(uri: "/nowhere/\(number)", method: .get) { _ in }
                try await client.execute(
                    uri: "/v1/pools/p\(number)/images/i\(number)?namespace=n\(number)",
                    method: .get
                ) { _ in }
                let method = try #require(HTTPRequest.Method("BREW\(number)"))
                try await client.execute(uri: "/livez", method: method) { _ in }
            }
            try await ask(0)
            _ = try await scrape(client)
            let before = try await scrape(client)
            for number in 1...1_000 { try await ask(number) }
            let after = try await scrape(client)
            #expect(after.samples.count == before.samples.count)
            let unmatched = ["method": "GET", "route": "unmatched", "status": "404"]
            #expect(after.values("rbd_rest_api_http_requests_total", unmatched) == [1_001])
            #expect(after.values("rbd_rest_api_http_requests_total", ["method": "OTHER"]) == [1_001])
        }
    }

    @Test func headOfMetricsHasNoBody() async throws {
        try await withClient(makeService()) { client in
            try await client.execute(uri: "/metrics", method: .head) { response in
                #expect(response.status == .ok)
                #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(response.body.readableBytes == 0)
            }
        }
    }

    @Test func servicesDoNotShare() async throws {
        try await withClient(makeService()) { try await $0.execute(uri: "/livez", method: .get) { _ in } }
        try await withClient(makeService()) { client in
            let found = try await scrape(client)
            #expect(found.values("rbd_rest_api_http_requests_total") == [])
        }
    }

    @Test func callsAreCountedByOperationAndOutcome() async throws {
        let service = try makeService()
        let image = CephError.Resource.image(ImageSpec(pool: "rbd", namespace: "ns", image: "vol\n1"))
        let notes = RequestNotes(logger: service.logger, requestID: "id-1")
        RequestNotes.$current.withValue(notes) {
            let error = CephError(.imageNotFound, .readImage, on: image, errno: 2)
            service.telemetry.calls.callEnded(
                CallRecord(operation: .readImage, resource: image, error: error, duration: .milliseconds(3))
            )
        }
        for _ in 0..<2 {
            service.telemetry.calls.callEnded(
                CallRecord(operation: .listPools, resource: .cluster, error: nil, duration: .seconds(2))
            )
        }
        let found = try Exposition(service.telemetry.exposition)
        let name = "rbd_rest_api_ceph_call_duration_seconds"
        #expect(found.values("\(name)_count", ["operation": "read-image", "outcome": "image-not-found"]) == [1])
        #expect(found.values("\(name)_count", ["operation": "list-pools", "outcome": "ok"]) == [2])
        #expect(found.values("\(name)_sum", ["operation": "list-pools"]) == [4])
        let lines = try lines("Ceph call")
        #expect(lines.count == 3)
        let line = try #require(lines.first)
        #expect(line["request.id"] as? String == "id-1")
        #expect(line["ceph.operation"] as? String == "read-image")
        #expect(line["pool"] as? String == "rbd")
        #expect(line["namespace"] as? String == "ns")
        #expect(line["image"] as? String == "vol\n1")
        #expect(line["errno"] as? Int == 2)
        #expect(line["duration.ms"] as? Double == 3)
        #expect(lines[1]["request.id"] == nil)
    }

    @Test func breakersAreShownWithABound() throws {
        let pools = (0..<150).map { number in
            Breakers.Snapshot(scope: .pool("p\(number)"), state: number == 149 ? .halfOpen : .closed, openings: 2)
        }
        let quiet = try Exposition(PrometheusRegistry().text(with: Telemetry.samples(of: [])))
        #expect(quiet.values("rbd_rest_api_breaker_open") == [0])
        #expect(quiet.values("rbd_rest_api_breaker_openings_total", ["scope": "monitors"]) == [0])
        let monitors = Breakers.Snapshot(scope: .monitors, state: .open, openings: 1)
        let found = try Exposition(PrometheusRegistry().text(with: Telemetry.samples(of: pools + [monitors])))
        #expect(found.values("rbd_rest_api_breaker_open").count == Telemetry.maximumPools + 1)
        #expect(found.values("rbd_rest_api_breaker_open", ["scope": "monitors"]) == [1])
        #expect(found.values("rbd_rest_api_breaker_open", ["scope": "pool", "pool": "p149"]) == [1])
        #expect(found.values("rbd_rest_api_breaker_open", ["scope": "pool", "pool": "p0"]) == [0])
        #expect(found.values("rbd_rest_api_breaker_openings_total", ["pool": "p0"]) == [2])
    }

    @Test func refusalsAtTheDoorAreCounted() throws {
        let service = try makeService()
        for _ in 0..<2 { service.telemetry.requests.refused(.headerTooLarge) }
        let found = try Exposition(service.telemetry.exposition)
        #expect(found.values("rbd_rest_api_http_refused_total", ["code": "header-too-large"]) == [2])
    }

    @Test func aRequestHasOneLine() async throws {
        try await withClient(makeService()) { client in
            let uri = "/v1/pools/r%20bd/images/a%0Ab?namespace=t%22&secret=hidden"
            let id = try #require(HTTPField.Name("X-Request-Id"))
            let headers: HTTPFields = [.authorization: "Bearer hidden", id: "id-7"]
            try await client.execute(uri: uri, method: .get, headers: headers, body: ByteBuffer(string: "hidden")) {
                _ in
            }
        }
        let lines = try lines()
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(line["request.id"] as? String == "id-7")
        #expect(line["http.method"] as? String == "GET")
        #expect(line["http.route"] as? String == "/v1/pools/{pool}/images/{image}")
        #expect(line["http.status"] as? Int == 400)
        #expect(line["problem.code"] as? String == "invalid-parameter")
        #expect(line["pool"] as? String == "r bd")
        #expect(line["image"] as? String == "a\nb")
        #expect(line["namespace"] as? String == "t\"")
        #expect(try #require(line["duration.ms"] as? Double) >= 0)
        #expect(!recorder.lines.joined().contains("hidden"))
    }

    @Test(arguments: ["/v1/pools/%ff/images/%zz", "/v1/pools/a%00/images/b"])
    func oddPathsStillHaveTheirLine(uri: String) async throws {
        try await withClient(makeService()) { try await $0.execute(uri: uri, method: .get) { _ in } }
        let lines = try lines()
        #expect(lines.count == 1)
    }

    @Test func failuresOfCephAreInTheLine() async throws {
        try await withClient(makeService()) { try await $0.execute(uri: "/v1/pools", method: .get) { _ in } }
        let line = try #require(try lines().first)
        // The outage of the cluster is logged once, when it is noticed.
        #expect(line["level"] as? String == "debug")
        #expect(line["problem.code"] as? String == "cluster-unavailable")
        #expect(line["ceph.operation"] as? String == "connect")
        #expect((line["error"] as? String)?.contains("clusterUnreachable") == true)
    }

    @Test(
        arguments: [
            (.get, "/v1/pools", 200, .debug), (.post, "/v1/pools", 201, .info), (.put, "/v1/pools", 409, .info),
            (.delete, "/v1/pools", 204, .info), (.delete, nil, 404, .debug), (.get, "/v1/pools", 500, .error),
            (.get, "/v1/pools", 502, .error), (.get, "/v1/pools", 503, .debug), (.post, "/v1/pools", 507, .info),
            (.get, "/v1/pools", 504, .warning),
            (.get, "/readyz", 503, .debug), (.get, "/readyz", 500, .error), (.get, "/livez", 200, .debug),
        ] as [(HTTPRequest.Method, String?, Int, Logger.Level)]
    )
    func levels(method: HTTPRequest.Method, route: String?, status: Int, level: Logger.Level) {
        #expect(RequestLine.level(method, route: route, status: status) == level)
    }
}
