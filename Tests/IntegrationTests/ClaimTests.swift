// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Logging
import TestSupport
import Testing

@testable import RBDService

/// How claims are taken and let go.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(2)))
struct ClaimTests {
    private static let subject = ClaimSubject.name(RawName("v"), namespace: "")

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
        try await TestCluster.withPool { pool, _ in try await body(claims, try claims.session(), pool) }
        running.cancel()
        try? await running.value
    }

    private func held(in pool: String) async throws -> [String] {
        try await TestCluster.run("rados", ["-p", pool, "listomapkeys", "rbd_rest_api.operations"])
            .split(separator: "\n").map(String.init).filter { $0.hasPrefix("held.") }
    }

    /// Whatever is left of the time that its request had: a name that is never let go can't be had by anybody.
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

    /// Of whom it is known so that what they hold is let go by itself.
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

    /// All of what is claimed together, or none of it.
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
