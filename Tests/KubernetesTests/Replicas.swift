// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Synchronization
import TestSupport
import Testing

/// The two replicas behind the Service. `dev/kubernetes` has started a balancer at the Service's address, which passes
/// connections on in turn.
final class Replicas: Sendable {
    static let count = 2

    private let options: [String]
    private let daemons: Mutex<[RunningDaemon?]>

    private init(options: [String]) {
        self.options = options
        daemons = Mutex(Array(repeating: nil, count: Self.count))
    }

    /// Runs the body while both replicas serve, with a pool of its own that is allowed for volumes.
    static func serving(
        _ options: [String] = [],
        _ body: (_ replicas: Replicas, _ pool: String, _ fsid: String) async throws -> Void
    ) async throws {
        try await TestCluster.withPool { pool, cluster in
            // The pool "rbd" exists for the examples. The pool "absent" does not exist.
            let replicas = Replicas(options: ["--kubernetes-pools", "\(pool),rbd,absent"] + options)
            let result: Result<Void, any Error>
            do {
                try await mountCertificate()
                for number in 0..<count { try await replicas.start(number) }
                result = .success(try await body(replicas, pool, cluster.fsid))
            } catch {
                result = .failure(error)
            }
            for number in 0..<count { await replicas.stop(number, by: SIGTERM) }
            try result.get()
        }
    }

    private static var certificate: String {
        get throws { try #require(ProcessInfo.processInfo.environment["RBD_REST_API_TEST_WEBHOOK_CERTIFICATE"]) }
    }

    /// Replaces each file of the Secret at once, as the kubelet does.
    static func mountCertificate() async throws {
        let text = try await APIServer.kubectl(
            "get",
            "secret",
            "rbd-rest-api-webhook-tls",
            "--namespace",
            "rbd-rest-api",
            "--output",
            "json"
        ).standardOutput
        struct Secret: Decodable {
            var data: [String: Data]
        }
        for (name, data) in try JSONDecoder().decode(Secret.self, from: Data(text.utf8)).data {
            let file = URL(fileURLWithPath: try certificate).appendingPathComponent(name)
            try data.write(to: file, options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: file.path)
        }
    }

    func start(_ number: Int, waitsForCluster: Bool = true) async throws {
        let environment = ProcessInfo.processInfo.environment
        let ports = try #require(environment["RBD_REST_API_TEST_WEBHOOK_PORTS"]).split(separator: ",")
        let certificate = try Self.certificate
        let daemon = try await RunningDaemon.start(
            [
                "--webhook-port", String(ports[number]), "--webhook-tls-certificate", "\(certificate)/tls.crt",
                "--webhook-tls-key", "\(certificate)/tls.key", "--audit-log", "off",
            ] + options,
            path: environment["RBD_REST_API_TEST_DAEMON"] ?? RunningDaemon.path,
            waitsForCluster: waitsForCluster
        )
        daemons.withLock { $0[number] = daemon }
    }

    /// The API of the first replica that runs.
    var server: TestServer {
        get throws { try #require(daemons.withLock { $0 }.lazy.compactMap { $0 }.first).server }
    }

    func stop(_ number: Int, by signal: Int32) async {
        guard let daemon = daemons.withLock({ daemons in daemons[number].take() }) else { return }
        daemon.process.signal(signal)
        let end = await daemon.process.finish()
        if signal == SIGTERM { #expect(end.status == 0, "\(end.standardError)") }
    }

    /// Sends a signal, such as SIGSTOP, and goes on.
    func signal(_ number: Int, _ signal: Int32) {
        daemons.withLock { $0[number] }?.process.signal(signal)
    }

    /// The number of the replica whose controller works.
    /// - Parameter stopped: a replica that can't be asked.
    func leader(except stopped: Int? = nil, within seconds: Double = 60) async throws -> Int {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            for (number, daemon) in daemons.withLock({ $0 }).enumerated() where number != stopped {
                guard let daemon, let answer = try? await daemon.server.get("/metrics") else { continue }
                let exposition = try Exposition(answer.text)
                if exposition.values("rbd_rest_api_kubernetes_leader", [:]) == [1] { return number }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw TestCluster.Failure(description: "no replica became the leader")
    }

    private static let route = "/kubernetes/v1/admission/persistentvolumes"

    /// The values of a metric for both replicas.
    func values(_ metric: String, _ labels: [String: String]) async throws -> [Double] {
        var values: [Double] = []
        for case let daemon? in daemons.withLock({ $0 }) {
            let exposition = try Exposition(try await daemon.server.get("/metrics").text)
            values.append(exposition.values(metric, labels).reduce(0, +))
        }
        return values
    }

    /// The number of reviews that each replica has answered.
    func reviews() async throws -> [Int] {
        try await values("rbd_rest_api_http_requests_total", ["route": Self.route]).map { Int($0) }
    }

    /// The number of requests in flight, without the one that reads it.
    func requestsInFlight() async throws -> Int {
        try await values("rbd_rest_api_http_requests_in_flight", [:]).reduce(0) { $0 + Int($1) - 1 }
    }
}
