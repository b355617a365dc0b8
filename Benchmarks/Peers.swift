// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Naming
import RBDAPI

/// The peers that take part. Without its option, a peer does not take part.
struct PeerOptions: ParsableArguments {
    @Option(help: "The file that `dev/cluster start --dashboard` writes, with the address, user and password.")
    var dashboard: String?

    @Option(help: "The path of dev/bench_peer.py, which uses python3-rbd.")
    var python: String?

    func openDashboard() throws -> Dashboard? { try dashboard.map(Dashboard.init) }
    func openPython() throws -> PythonPeer? { try python.map(PythonPeer.init) }
}

/// The names of the contestants in tables, files and plots.
enum Names {
    static let service = "rbd-rest-api"
    static let bare = "bare librbd"
    static let rbd = "rbd"
    static let python = "python3-rbd"
    static let dashboard = "Dashboard"
}

/// The REST API of the Ceph Dashboard, in the manager.
struct Dashboard: Sendable {
    /// Each endpoint has a version, and answers 415 without it.
    private static let first = "application/vnd.ceph.api.v1.0+json"
    private static let second = "application/vnd.ceph.api.v2.0+json"

    let url: String
    private let token: String

    /// - Parameter file: JSON with `url`, `username` and `password`.
    init(file: String) throws {
        let place = try JSONDecoder().decode(Place.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        let body = #"{"username":"\#(place.username)","password":"\#(place.password)"}"#
        let answer = try PlainClient(server: place.url).exchange("POST", "/api/auth", json: body, accept: Self.first)
        guard answer.status == 201 else { throw ValidationError("the Dashboard's login answered \(answer.status)") }
        url = place.url
        token = try JSONDecoder().decode(Token.self, from: Data(answer.body)).token
    }

    private struct Place: Decodable {
        var url: String
        var username: String
        var password: String
    }

    private struct Token: Decodable { var token: String }

    func connect() throws -> PlainClient {
        try PlainClient(server: url, headers: ["Authorization: Bearer \(token)"])
    }

    /// A page of the pool's images, with Ceph 16.2 or newer. The Dashboard's list of names may be up to 30 seconds old.
    func page(of pool: String, limit: Int, offset: Int = 0, through client: PlainClient) throws -> Answer {
        let path = "/api/block/image?pool_name=\(PercentEncoding.encode(pool))&limit=\(limit)&offset=\(offset)"
        let answer = try client.exchange("GET", path, accept: Self.second)
        guard answer.status == 200 else { throw ValidationError("the Dashboard's list answered \(answer.status)") }
        return answer
    }

    /// - Returns: the status.
    func get(_ name: String, in pool: String, through client: PlainClient) throws -> Int {
        try client.exchange("GET", "/api/block/image/\(PercentEncoding.encode("\(pool)/\(name)"))", accept: Self.first)
            .status
    }

    /// Creates an image and waits until it exists. The Dashboard answers 202 if that takes over two seconds.
    func create(_ name: String, in pool: String, through client: PlainClient) throws {
        let features = #"["layering","exclusive-lock","object-map","fast-diff","deep-flatten"]"#
        let body = #"{"name":"\#(name)","pool_name":"\#(pool)","size":1073741824,"features":\#(features)}"#
        let answer = try client.exchange("POST", "/api/block/image", json: body, accept: Self.first)
        if answer.status == 201 { return }
        guard answer.status == 202 else {
            throw ValidationError("the Dashboard's POST answered \(answer.status): \(answer.text.prefix(300))")
        }
        while try get(name, in: pool, through: client) != 200 { usleep(20_000) }
    }
}

/// The number of times that a text occurs.
func count(of text: StaticString, in bytes: [UInt8]) -> Int {
    let length = text.utf8CodeUnitCount
    return bytes.withUnsafeBytes { bytes in
        guard bytes.count >= length, let start = bytes.baseAddress else { return 0 }
        return (0...(bytes.count - length)).count {
            bytes[$0] == text.utf8Start[0] && memcmp(start + $0, text.utf8Start, length) == 0
        }
    }
}

/// python3-rbd, in one process for all measurements. See dev/bench_peer.py.
final class PythonPeer {
    private let process = Process()
    private let commands = Pipe()
    private let answers = Pipe()

    init(script: String) throws {
        // Debian's bindings only work with Debian's interpreter.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [script]
        process.standardInput = commands
        process.standardOutput = answers
        try process.run()
    }

    deinit {
        try? commands.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    func list(_ pool: String, threads: Int = 16) throws -> Double { try ask(["list", pool, threads])[0] }

    func get(_ names: [String], in pool: String) throws -> [Double] { try ask(["get", pool, names]) }

    func create(_ prefix: String, _ count: Int, in pool: String, threads: Int) throws -> Double {
        try ask(["create", pool, prefix, count, threads])[0]
    }

    /// - Returns: milliseconds.
    private func ask(_ command: [Any]) throws -> [Double] {
        let line = try JSONSerialization.data(withJSONObject: command) + Data("\n".utf8)
        try commands.fileHandleForWriting.write(contentsOf: line)
        var answer = Data()
        while answer.last != UInt8(ascii: "\n") {
            let part = answers.fileHandleForReading.availableData
            guard !part.isEmpty else { throw ValidationError("python3-rbd ended; above is why") }
            answer += part
        }
        return try JSONDecoder().decode([Double].self, from: answer)
    }
}

/// The rbd command. A new process is started each time, as people use it.
enum RbdCommand {
    /// - Returns: the lines that it printed.
    @discardableResult
    static func run(_ arguments: String...) throws -> Int {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/rbd")
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ValidationError("rbd \(arguments) failed") }
        return data.count { $0 == UInt8(ascii: "\n") }
    }
}
