// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import RBDAPI

/// Measures the service beside a bare librbd loop, in turns on the same cluster, so that whatever else the machine does
/// hits both alike. What counts is the ratio.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbd-bench",
        abstract: "Measures creates through the API beside creates through librbd alone.",
        discussion: "dev/bench starts the cluster and the service, and runs this."
    )

    @Option(help: "Where the service is.")
    var server: String

    @Option(help: "An existing pool that both sides create images in.")
    var pool: String

    @Option(help: "Images that each side creates in one round.")
    var count = 100

    @Option(help: "Rounds; the median of their ratios is what counts.")
    var rounds = 9

    @Option(help: "Fail where the median ratio is over this.")
    var bound = 1.3

    func run() async throws {
        let librbd = try BareLibrbd(pool: pool)
        // The first create of a pool pays for much that later ones don't: neither side is to carry it alone.
        _ = try await measure("warm-up-librbd", count: 10) { try librbd.create($0) }
        _ = try await measure("warm-up-api", count: 10) { try await create($0) }

        print("creates one after another, \(count) a round, milliseconds each")
        print("round  librbd     API   ratio")
        var ratios: [Double] = []
        for round in 1...rounds {
            let bare = try await measure("librbd-\(round)", count: count) { try librbd.create($0) }
            let api = try await measure("api-\(round)", count: count) { try await create($0) }
            ratios.append(api / bare)
            print(
                "\(pad("\(round)", 5))  \(pad(decimals(bare), 6))  \(pad(decimals(api), 6))  \(pad(decimals(api / bare), 6))"
            )
        }
        let median = ratios.sorted()[ratios.count / 2]
        let verdict = median <= bound ? "met" : "missed"
        print("median ratio \(decimals(median)), bound \(decimals(bound)): \(verdict)")
        if median > bound { throw ExitCode(1) }
    }

    /// - Returns: milliseconds for each image. They are removed again, outside the measurement.
    private func measure(
        _ prefix: String,
        count: Int,
        _ create: (String) async throws -> Void
    ) async throws -> Double {
        let names = (0..<count).map { "\(prefix)-\($0)" }
        let start = ContinuousClock.now
        for name in names { try await create(name) }
        let duration = ContinuousClock.now - start
        for name in names { try await delete(name) }
        return duration / .milliseconds(1) / Double(count)
    }

    private func create(_ name: String) async throws {
        var request = HTTPClientRequest(url: "\(server)/v1/pools/\(PercentEncoding.encode(pool))/images")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: #"{"name":"\#(name)","size":"1GiB"}"#))
        try await send(request, expecting: .created)
    }

    private func delete(_ name: String) async throws {
        var request = HTTPClientRequest(url: "\(server)/v1/pools/\(PercentEncoding.encode(pool))/images/\(name)")
        request.method = .DELETE
        try await send(request, expecting: .noContent)
    }

    private func send(_ request: HTTPClientRequest, expecting status: HTTPResponseStatus) async throws {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 1 << 20)
        guard response.status == status else {
            throw ValidationError("\(request.method) \(request.url): \(response.status) \(String(buffer: body))")
        }
    }

    private func decimals(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    private func pad(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
