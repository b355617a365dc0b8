// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
public import Ceph
public import FoundationEssentials
public import Logging
import NIOCore
import NIOHTTP1
public import RBDAPI
public import RBDService

/// The service on a real socket, with a real HTTP client.
public struct TestServer: Sendable {
    public let url: String
    /// These headers are sent with each request, unless it has its own.
    private var headers: [String: String] = [:]

    /// The address for admission reviews; nil if there is none.
    public let webhookURL: String?

    public init(url: String, webhookURL: String? = nil) {
        (self.url, self.webhookURL) = (url, webhookURL)
    }

    /// The same service, with another caller.
    public func with(token: String) -> TestServer {
        var server = self
        server.headers["Authorization"] = "Bearer \(token)"
        return server
    }

    /// Runs the body while the service serves on a free port of this machine.
    public static func run<Value: Sendable>(
        cluster: ClusterConfiguration? = nil,
        logger: Logger? = nil,
        change: (inout ServiceConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (TestServer) async throws -> Value
    ) async throws -> Value {
        var configuration = try ServiceConfiguration(
            SettingValues(
                commandLine: ["port": "0", "request-timeout": "120", "audit-log": "off"],
                environment: [:],
                file: nil
            )
        )
        if let cluster { configuration.cluster = cluster }
        change(&configuration)
        // Without a cluster of its own, the service would use the tests' cluster, and needs the user for it.
        if cluster == nil, configuration.cluster.user == nil, TestCluster.isAvailable {
            let found = try await TestCluster.configuration
            configuration.cluster.user = found.user
            configuration.cluster.keyring = found.keyring
        }
        let service = try RBDService(
            configuration: configuration,
            logger: logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let (doors, continuation) = AsyncStream.makeStream(of: (RBDService.Door, String).self)
        let count = configuration.webhook == nil ? 1 : 2
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await service.run { door, url in
                    continuation.yield((door, url))
                }
                return nil
            }
            var urls: [RBDService.Door: String] = [:]
            for await (door, url) in doors {
                urls[door] = url
                if urls.count == count { break }
            }
            guard let url = urls[.api] else { throw TestCluster.Failure(description: "not listening") }
            group.addTask { [webhook = urls[.webhook]] in try await body(TestServer(url: url, webhookURL: webhook)) }
            while let outcome = try await group.next() {
                guard let value = outcome else { continue }
                group.cancelAll()
                return value
            }
            throw TestCluster.Failure(description: "the service ended by itself")
        }
    }

    /// Runs the body with the service and the test cluster, once the service is ready.
    public static func withCluster<Value: Sendable>(
        change: (inout ServiceConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (TestServer) async throws -> Value
    ) async throws -> Value {
        try await run(cluster: try await TestCluster.configuration, change: change) { server in
            while try await server.get("/readyz").status != 200 { try await Task.sleep(for: .milliseconds(20)) }
            return try await body(server)
        }
    }

    public struct Answer: Sendable {
        public var status: Int
        public var headers: [String: String]
        public var body: Data

        public var text: String { String(decoding: body, as: UTF8.self) }

        public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
            try JSONDecoder().decode(type, from: body)
        }

        public var problem: Problem {
            get throws { try decoded() }
        }
    }

    public func get(_ path: String) async throws -> Answer {
        try await send("GET", path)
    }

    public func delete(_ path: String) async throws -> Answer {
        try await send("DELETE", path)
    }

    public func post(_ path: String, _ json: String) async throws -> Answer {
        try await send("POST", path, body: json, headers: ["Content-Type": "application/json"])
    }

    public func put(_ path: String, _ json: String) async throws -> Answer {
        try await send("PUT", path, body: json, headers: ["Content-Type": "application/json"])
    }

    public func patch(_ path: String, _ json: String) async throws -> Answer {
        try await send("PATCH", path, body: json, headers: ["Content-Type": "application/json"])
    }

    /// A client that does not ask for compressed answers, as the shared one does. The shared one refuses answers that
    /// shrink as much as a list.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // By default, the ninth of simultaneous requests waits for a connection, and fails after ten seconds. So all of
        // them reach the server at once, however slow the machine is.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        configuration.timeout.connect = timeLimit
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// How long a request may take, on the slowest machine.
    private static let timeLimit = TimeAmount.seconds(120)

    public func send(
        _ method: String,
        _ path: String,
        body: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = .RAW(value: method)
        for (name, value) in self.headers.merging(headers, uniquingKeysWith: { $1 }) {
            request.headers.add(name: name, value: value)
        }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await Self.client.execute(request, timeout: Self.timeLimit)
        let content = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
            body: Data(content.readableBytesView)
        )
    }
}
