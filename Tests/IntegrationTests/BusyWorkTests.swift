// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Operations that find a client of the image when they begin, although there was none at the request. This also
/// happens when a replica takes over from one that died, because the dead one's watch stays for 30 seconds.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct BusyWorkTests {
    /// Changes that would disturb a group's operation are refused.
    private func refusals(_ server: TestServer, _ group: String, _ id: String) async throws {
        for answer in [
            try await server.patch(group, #"{"name":"h"}"#), try await server.delete(group),
            try await server.put("\(group)/images/vol-2", ""), try await server.delete("\(group)/images/vol-1"),
            try await server.post("\(group)/snapshots", #"{"name":"t"}"#),
            try await server.delete("\(group)/snapshots/s"),
        ] {
            let problem = try answer.problem
            #expect(problem.code == "operation-in-progress", "\(problem)")
            #expect(problem.field == "group")
            #expect(problem.hint?.contains(id) == true)
        }
        // The same request again finds the running operation.
        let again = try await server.post("\(group)/snapshots/s/rollback?confirm=s", "")
        #expect(try again.decoded(as: RBDAPI.Operation.self).id == id)
    }

    @Test(arguments: [OperationKind.shrinkImage, .rollBackGroup])
    func aClientIsWaitedFor(kind: OperationKind) async throws {
        try await TestServer.withCluster(change: { $0.operationLease = .seconds(4) }) { server in
            try await TestCluster.withPool { pool, cluster in
                let (spec, images) = ("\(pool)/vol-1", "/v1/pools/\(pool)/images")
                #expect(try await server.put("\(images)/vol-1", #"{"size":"16MiB"}"#).status == 201)
                for command in [
                    "group create \(pool)/g", "group image add \(pool)/g \(spec)", "group snap create \(pool)/g@s",
                    "resize --no-progress --size 32M \(spec)",
                ] {
                    try await TestCluster.run("rbd", command.split(separator: " ").map(String.init))
                }
                let imageID = try await server.get("\(images)/vol-1").decoded(as: Image.self).id
                let id = "\(try await cluster.pool(pool).id())-\(OperationStore.newNumber())"
                var operation = RBDAPI.Operation(id: id, kind: kind.rawValue, pool: pool, createdAt: Timestamp.now)
                var parameters = OperationRecord.Parameters()
                switch kind {
                case .rollBackGroup: (operation.group, parameters.snapshot) = ("g", "s")
                default:
                    (operation.image, operation.imageID) = ("vol-1", imageID)
                    parameters.sizeBytes = 16 << 20
                }
                let client = try await TestCluster.openClient(of: spec)
                var change = Records.Change()
                change.set("operation.\(id)", to: OperationRecord(operation: operation, parameters: parameters).bytes)
                change.set("open.\(id)", to: [])
                if kind == .rollBackGroup {
                    change.set(OperationRecord.claim(onGroup: "g", namespace: ""), to: Array(id.utf8))
                }
                #expect(try await Records(of: cluster.pool(pool)).apply(change))

                var now = operation
                while now.note == nil {
                    #expect(!now.state.isFinished, "\(now)")
                    now = try await server.get("/v1/operations/\(id)?wait=1s").decoded()
                }
                #expect(now.state == .running)
                if kind == .rollBackGroup { try await refusals(server, "/v1/pools/\(pool)/groups/g", id) }
                #expect(try await server.get("\(images)/vol-1").decoded(as: Image.self).sizeBytes == 32 << 20)
                try client.endInput()
                _ = await client.finish()
                now = try await server.get("/v1/operations/\(id)?wait=25s").decoded()
                #expect(now.state == .succeeded, "\(now)")
                #expect(try await server.get("\(images)/vol-1").decoded(as: Image.self).sizeBytes == 16 << 20)
            }
        }
    }

    /// If a caller loses its token or its scopes, its event streams end.
    @Test(arguments: [[], ["read:*/other-*"]])
    func eventsEndWithTheToken(scopes: [String]) async throws {
        try await TestCluster.withPool { pool, cluster in
            let identities = try TestIdentities(["reader": ["read:\(pool)"], "keeper": ["all:*"]])
            let change: @Sendable (inout ServiceConfiguration) -> Void = {
                ($0.tokenFile, $0.operationLease) = (identities.path, .seconds(4))
            }
            try await TestServer.withCluster(change: change) { server in
                let keeper = server.with(token: identities.token(of: "keeper"))
                #expect(try await keeper.put("/v1/pools/\(pool)/images/vol-1", #"{"size":"16MiB"}"#).status == 201)
                let image = try await keeper.get("/v1/pools/\(pool)/images/vol-1").decoded(as: Image.self)
                let id = "\(try await cluster.pool(pool).id())-\(OperationStore.newNumber())"
                var operation = RBDAPI.Operation(
                    id: id,
                    kind: OperationKind.shrinkImage.rawValue,
                    pool: pool,
                    createdAt: Timestamp.now
                )
                (operation.image, operation.imageID) = ("vol-1", image.id)
                var parameters = OperationRecord.Parameters()
                parameters.sizeBytes = 8 << 20
                // The operation waits for this client.
                let client = try await TestCluster.openClient(of: "\(pool)/vol-1")
                var change = Records.Change()
                change.set("operation.\(id)", to: OperationRecord(operation: operation, parameters: parameters).bytes)
                change.set("open.\(id)", to: [])
                #expect(try await Records(of: cluster.pool(pool)).apply(change))

                let reader = try RawConnection(to: server.url)
                reader.send("GET /v1/operations/\(id)/events HTTP/1.1\r\nHost: reader\r\nConnection: close\r\n")
                reader.send("Authorization: Bearer \(identities.token(of: "reader"))\r\n\r\n")
                #expect(await reader.read { $0.contains("event: operation\n") }.hasPrefix("HTTP/1.1 200"))
                try identities.give(scopes, to: "reader")
                // The stream ends although the operation continues.
                #expect(await !reader.read().contains("succeeded"))
                let now = try await keeper.get("/v1/operations/\(id)").decoded(as: RBDAPI.Operation.self)
                #expect(!now.state.isFinished, "\(now)")
                try client.endInput()
                _ = await client.finish()
                let last = try await keeper.get("/v1/operations/\(id)?wait=60s").decoded(as: RBDAPI.Operation.self)
                #expect(last.state == .succeeded, "\(last)")
            }
        }
    }
}
