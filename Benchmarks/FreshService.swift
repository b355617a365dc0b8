// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// A newly started service, which has never listed anything and so has nothing cached.
final class FreshService {
    private static let patience = Duration.seconds(30)

    let url: String
    private let process = Process()
    /// This stays open, because the service continues to log into it.
    private let log = Pipe()

    /// Starts the service on a free port of this machine and waits until it is ready.
    /// - Parameters:
    ///   - binary: the daemon's path.
    ///   - options: further options, besides its address.
    init(_ binary: String, _ options: [String] = []) throws {
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["--host", "127.0.0.1", "--port", "0", "--audit-log", "off"] + options
        process.standardOutput = log
        process.standardError = log
        try process.run()
        var text = ""
        var address: Substring?
        while address == nil {
            let data = log.fileHandleForReading.availableData
            guard !data.isEmpty else { throw ValidationError("\(binary) did not start: \(text)") }
            text += String(decoding: data, as: UTF8.self)
            address = text.firstMatch(of: /listening on (http:\/\/[0-9.:]+)/)?.1
        }
        url = String(address!)
        let end = ContinuousClock.now + Self.patience
        while try PlainClient(server: url).exchange("GET", "/readyz").status != 200 {
            guard ContinuousClock.now < end else { throw ValidationError("\(binary) does not become ready") }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }
}
