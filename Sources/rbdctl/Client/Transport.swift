// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import FoundationEssentials
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import RBDAPI
internal import YAML

/// Requests to one service, and its answers. Every error is thrown as a ``Failure``.
struct Transport: Sendable {
    let server: ServerAddress
    /// The token that authenticates the caller.
    private let token: String?
    private let http: HTTPClient
    private let timeout: Duration

    /// A longer answer does not come from rbd-rest-api: a page of 1000 images takes less than a megabyte.
    private static let maximumAnswerBytes = 64 << 20

    static func withTransport<Result: Sendable>(
        _ settings: ConnectionSettings,
        timeout: Duration,
        _ body: (Transport) async throws -> Result
    ) async throws -> Result {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.tlsConfiguration = try tls(settings)
        // It is shorter than the whole timeout, to tell a host that drops packets from a service that is slow.
        configuration.timeout.connect = .milliseconds(min(10_000, timeout.components.seconds * 900))
        // A refused connection is reported, and not tried again until the timeout.
        configuration.connectionPool.retryConnectionEstablishment = false
        return try await HTTPClient.withHTTPClient(configuration: configuration) { http in
            try await body(Transport(server: settings.server, token: settings.token, http: http, timeout: timeout))
        }
    }

    /// - Returns: nil if the defaults apply.
    private static func tls(_ settings: ConnectionSettings) throws -> TLSConfiguration? {
        guard settings.authorities != nil || settings.certificate != nil else { return nil }
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = settings.authorities { tls.trustRoots = .certificates(try certificates(file)) }
        if let (file, key) = settings.certificate {
            tls.certificateChain = try certificates(file).map { .certificate($0) }
            do { tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)) } catch {
                throw Failure(.usage, "\"\(key)\" holds no key in PEM that can be read without a passphrase")
            }
            do { _ = try NIOSSLContext(configuration: tls) } catch {
                throw Failure(.usage, "\"\(key)\" is not the key of the certificate \"\(file)\"")
            }
        }
        return tls
    }

    private static func certificates(_ path: String) throws -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty else {
            throw Failure(.usage, "\"\(path)\" holds no certificate in PEM that can be read")
        }
        return certificates
    }

    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    typealias Query = [(name: String, value: String?)]

    func get<Answer: Decodable>(_ path: [String], query: Query = []) async throws -> Answer {
        try await send(.get, path, query: query)
    }

    func send<Answer: Decodable>(
        _ method: Method,
        _ path: [String],
        query: Query = [],
        body: (any Encodable)? = nil
    ) async throws -> Answer {
        let json = try body.map { try OrderedValue(encoding: $0).json() }
        return try decode(await answer(method, path, query, body: json))
    }

    /// For requests that have more than one kind of answer.
    func reply(_ method: Method, _ path: [String], query: Query = [], json: String? = nil) async throws -> Reply {
        Reply(transport: self, answer: try await answer(method, path, query, body: json))
    }

    /// An answer whose status determines the type of its body.
    struct Reply: Sendable {
        fileprivate let transport: Transport
        fileprivate let answer: Answer

        var status: UInt { answer.status }

        func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
            try transport.decode(answer)
        }
    }

    func delete(_ path: [String], query: Query = []) async throws {
        let answer = try await answer(.delete, path, query, body: nil)
        guard answer.status == 204 else { throw notOurs(answer) }
    }

    /// An answer of the service, read to its end.
    fileprivate struct Answer: Sendable {
        var status: UInt
        var contentType: String?
        var body: ByteBuffer

        /// The media type without parameters such as the charset.
        var mediaType: String? {
            contentType?.prefix { $0 != ";" && !$0.isWhitespace }.lowercased()
        }
    }

    private func answer(
        _ method: Method,
        _ path: [String],
        _ query: Query,
        body: String?
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: server.url(path, query: query))
        request.method = HTTPMethod(rawValue: method.rawValue)
        request.headers.add(name: "user-agent", value: "rbdctl/\(programVersion)")
        request.headers.add(name: "accept", value: "application/json, \(Problem.contentType)")
        // RFC 9112, section 3.2: every request has a Host header.
        if server.isSocket { request.headers.add(name: "host", value: "localhost") }
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let answer: Answer
        do {
            answer = try await execute(request)
        } catch {
            throw ConnectionProblem(error).failure(
                server: server,
                timeout: timeout,
                mayHaveChanged: method != .get
            )
        }
        guard (200..<300).contains(answer.status) else { throw refusal(answer) }
        return answer
    }

    /// The HTTP client's own deadline covers only the head of the answer. So this also limits the time for the body.
    private func execute(_ request: HTTPClientRequest) async throws -> Answer {
        try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask {
                let response = try await http.execute(request, deadline: .now() + .hours(48))
                return Answer(
                    status: response.status.code,
                    contentType: response.headers.first(name: "content-type"),
                    body: try await response.body.collect(upTo: Self.maximumAnswerBytes)
                )
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let answer = first else { throw ConnectionProblem.timedOut }
            return answer
        }
    }

    private func refusal(_ answer: Answer) -> Failure {
        guard answer.mediaType == Problem.contentType,
            let problem = try? JSONDecoder().decode(Problem.self, from: Data(answer.body.readableBytesView))
        else { return notOurs(answer) }
        return Failure(problem)
    }

    fileprivate func decode<Value: Decodable>(_ answer: Answer) throws -> Value {
        guard answer.mediaType == "application/json" else { throw notOurs(answer) }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(answer.body.readableBytesView))
        } catch {
            throw Failure(
                .other,
                "\(server) answered in a way that this rbdctl (\(programVersion)) does not understand; "
                    + "does the service have another version?"
            )
        }
    }

    private func notOurs(_ answer: Answer) -> Failure {
        let content = answer.mediaType ?? "no content type"
        return Failure(
            .other,
            "\(server) answered \(answer.status) with \(content), which is not rbd-rest-api; check --server"
        )
    }
}
