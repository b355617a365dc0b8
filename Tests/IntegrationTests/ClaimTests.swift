// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import TestSupport
import Testing

@testable import Ceph
@testable import RBDService

/// Taking and releasing claims.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(2)))
struct ClaimTests {
    private static let subject = ClaimSubject.name(RawName("v"), namespace: "")
    private static let foreign = ClaimSubject.name(RawName("w"), namespace: "")

    private func withClaims(_ body: (Claims, ClaimSession, _ pool: String) async throws -> Void) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let connection = ClusterConnection(
            configuration: try await TestCluster.configuration,
            limits: .init(),
            interval: .seconds(5),
            logger: logger
        )
        let running = Task { try await connection.run() }
        while (try? connection.cluster()) == nil { try await Task.sleep(for: .milliseconds(20)) }
        let claims = Claims(
            connection: connection,
            lease: .seconds(6),
            logger: logger,
            isReady: { _ in true },
            settle: { _, _ in }
        )
        let watching = Task { try await claims.run() }
        try await TestCluster.withPool { pool, _ in try await body(claims, try claims.session(), pool) }
        watching.cancel()
        try? await watching.value
        running.cancel()
        try? await running.value
    }

    private func held(in pool: String) async throws -> [String] {
        try await TestCluster.run("rados", ["-p", pool, "listomapkeys", "rbd_rest_api.operations"])
            .split(separator: "\n").map(String.init).filter { $0.hasPrefix("held.") }
    }

    /// A claim is released even if its request's deadline is over. Otherwise, the name could never be used again.
    @Test func aClaimIsLetGoAfterItsRequestsDeadline() async throws {
        try await withClaims { claims, session, pool in
            try await Deadline.$current.withValue(.now + .seconds(2)) {
                let claim = try await claims.take([Self.subject], for: .changeImage, in: pool, session)
                #expect(try await held(in: pool) == ["held.name./v"])
                claim.unsettle()
                try await Task.sleep(for: .seconds(2))
            }
            let end = ContinuousClock.now + .seconds(10)
            while try await !held(in: pool).isEmpty, .now < end { try await Task.sleep(for: .milliseconds(50)) }
            #expect(try await held(in: pool).isEmpty)
        }
    }

    /// The replicas that use a pool are known by their addresses, so that the claims of a dead one can be released.
    @Test func replicasAreKnownByTheirAddresses() async throws {
        try await withClaims { claims, session, pool in
            try await withClaims { others, other, _ in
                #expect(try await claims.replicas(in: pool, session.cluster) == [session.cluster.address])
                let claim = try await others.take([Self.subject], for: .changeImage, in: pool, other)
                #expect(
                    try await claims.replicas(in: pool, session.cluster)
                        == [session.cluster.address, other.cluster.address]
                )
                withExtendedLifetime(claim) {}
            }
        }
    }

    /// Another replica sees no signs of life in a pool for a whole lease if an attempt that fails counts as one.
    @Test func aReplicaThatFailsToTakeClaimsGivesSignsOfLife() async throws {
        try await outlivesItsLease { claims, session, pool in
            _ = try? await claims.take([Self.foreign], for: .changeImage, in: pool, session, waits: false)
        }
    }

    /// A part of a pool that does not answer opens the breaker, while the rest of the pool is in use by other replicas.
    @Test func aReplicaWhoseCallsAreRefusedGivesSignsOfLife() async throws {
        try await outlivesItsLease { _, session, pool in
            for _ in 0..<3 {
                session.cluster.breakers.record(.pool(pool), CephError(.timedOut, .readImage, on: .pool(pool)))
            }
            #expect(session.cluster.breakers.isOpen(.pool(pool)))
        }
    }

    /// Repeats something for two leases in a replica that holds a claim, while another replica watches.
    private func outlivesItsLease(_ body: (Claims, ClaimSession, _ pool: String) async throws -> Void) async throws {
        try await withClaims { claims, session, pool in
            try await withClaims { others, other, _ in
                let claim = try await claims.take([Self.subject], for: .changeImage, in: pool, session)
                let foreign = try await others.take([Self.foreign], for: .changeImage, in: pool, other)
                let end = ContinuousClock.now + .seconds(13)
                while .now < end, !session.isLost {
                    try await body(claims, session, pool)
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(!session.isLost)
                #expect(try await held(in: pool).count == 2)
                withExtendedLifetime((claim, foreign)) {}
            }
        }
    }

    /// The keys of one claim are taken together or not at all.
    @Test func whatIsClaimedTogetherIsClaimedAtOnce() async throws {
        try await withClaims { claims, session, pool in
            let image = ClaimSubject.image(id: "1234", namespace: "")
            let first = try await claims.take([Self.subject], for: .changeImage, in: pool, session)
            await #expect(throws: Claims.Conflict.self) {
                try await claims.take([image, Self.subject], for: .deleteImage, in: pool, session, waits: false)
            }
            #expect(try await held(in: pool) == ["held.name./v"])
            withExtendedLifetime(first) {}
        }
    }
}
