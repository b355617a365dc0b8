// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import RBDService
import Synchronization
import TestSupport
import Testing

/// The certificate and the tokens change all the time, and no client notices.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(4)))
struct RotationTests {
    private static let rounds = 30

    /// The clients' counters.
    private final class Tally: Sendable {
        struct Counts: Sendable {
            var kept = 0
            var new = 0
            var failures: [String] = []
        }

        let counts = Mutex(Counts())
        private let over = Atomic(false)
        private let number = Atomic(0)

        var isOver: Bool { over.load(ordering: .acquiring) }
        func end() { over.store(true, ordering: .releasing) }

        /// The number of the current token.
        var token: Int { number.load(ordering: .acquiring) }
        func use(_ token: Int) { number.store(token, ordering: .releasing) }
    }

    /// Lists the images of a pool until the end, with the current token.
    private func ask(
        _ url: String,
        _ tokens: [AccessToken],
        trusting file: String,
        isKept: Bool,
        _ tally: Tally
    ) async throws {
        while !tally.isOver {
            try await withTLSClient(trusting: file) { client in
                repeat {
                    let number = tally.token
                    var failure: String?
                    do {
                        let (status, text) = try await client.get(url, token: tokens[number].text)
                        if status != 200 { failure = "token \(number): \(status) \(text)" }
                    } catch { failure = "token \(number): \(error)" }
                    tally.counts.withLock { counts in
                        if isKept { counts.kept += 1 } else { counts.new += 1 }
                        if let failure { counts.failures.append(failure) }
                    }
                    try await Task.sleep(for: .milliseconds(2))
                } while isKept && !tally.isOver
            }
        }
    }

    /// Polls until the condition holds.
    /// - Returns: how long that took; nil if it did not hold within twenty seconds.
    private func time(_ condition: () async throws -> Bool) async throws -> Duration? {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(20) {
            if try await condition() { return ContinuousClock.now - start }
            try await Task.sleep(for: .milliseconds(20))
        }
        return nil
    }

    /// The certificate, in PEM, that a new connection gets.
    private func shown(_ url: String) async throws -> Substring? {
        let client = try await Subprocess.run(
            "/usr/bin/openssl",
            ["s_client", "-connect", url.replacing("https://", with: "")]
        )
        return client.standardOutput.firstMatch(of: /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/)?.output
    }

    @Test func noRequestFailsWhileCertificatesAndTokensAreReplaced() async throws {
        let certificate = try await ServerCertificate(count: Self.rounds + 1)
        let folder = try TemporaryFolder()
        let tokens = (0..<Self.rounds + 5).map { _ in AccessToken() }
        /// As in any rotation, the next token is valid before it is used, and the previous one stays valid for a while.
        /// A service that looks once a second may be two rounds behind.
        @Sendable func write(_ round: Int) throws {
            let known = tokens[round...min(round + 4, tokens.count - 1)]
            let lines = try known.map {
                try TokenEntry(identity: "load", scopes: ["read:*"], token: $0, lifetime: "1h").lines
            }
            try folder.replace("tokens.yaml", "identities:\n" + lines.joined())
        }
        try write(0)
        let settings = certificate.settings.merging([
            "port": "0", "audit-log": "off", "token-file": folder.path("tokens.yaml"),
        ]) { $1 }
        var configuration = try ServiceConfiguration(
            SettingValues(commandLine: settings, environment: [:], file: nil)
        )
        configuration.cluster = try await TestCluster.configuration
        try await TestCluster.withPool { pool, _ in
            try await TestServer.run(change: { [configuration] in $0 = configuration }) { server in
                try await withTLSClient(trusting: certificate.trust) { client in
                    while try await client.get("\(server.url)/readyz").status != 200 {
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                let url = "\(server.url)/v1/pools/\(pool)/images"
                let tally = Tally()
                // Token 0 leaves the file in the first round, so no client uses it then.
                tally.use(2)
                var (certificates, refused): (Set<Substring>, Int) = ([], 0)
                if let first = try await shown(server.url) { certificates.insert(first) }
                var slowest = Duration.zero
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for isKept in [true, true, true, false, false] {
                        group.addTask {
                            try await ask(url, tokens, trusting: certificate.trust, isKept: isKept, tally)
                        }
                    }
                    defer { tally.end() }
                    for round in 1...Self.rounds {
                        let next = ContinuousClock.now + .seconds(1)
                        certificate.put(round)
                        try write(round)
                        // This token has been in the file for two rounds, and stays for two more.
                        tally.use(round + 2)
                        // This token was removed from the file.
                        let latency = try await withTLSClient(trusting: certificate.trust) { client in
                            try await time { try await client.get(url, token: tokens[round - 1].text).status == 401 }
                        }
                        if let latency { (refused, slowest) = (refused + 1, max(slowest, latency)) }
                        // The next certificate comes only after this one was seen. A busy machine may need more than a
                        // second for that.
                        let untilShown = try await time {
                            if let shown = try await shown(server.url) {
                                certificates.insert(shown).inserted
                            } else {
                                false
                            }
                        }
                        #expect(untilShown != nil, "certificate \(round)")
                        try await Task.sleep(until: next, clock: .continuous)
                    }
                    tally.end()
                    try await group.waitForAll()
                }
                let counts = tally.counts.withLock { $0 }
                #expect(counts.failures.isEmpty, "\(counts.failures.count): \(counts.failures.prefix(3))")
                #expect(counts.kept >= 500 && counts.new >= 50, "\(counts.kept) and \(counts.new) requests")
                #expect(certificates.count == Self.rounds + 1)
                #expect(refused == Self.rounds)
                // This is not an exact bound. It only detects a service that never looks again.
                #expect(slowest < .seconds(10), "\(slowest)")
            }
        }
    }
}
