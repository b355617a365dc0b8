// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Ceph
import Foundation
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Operations: one replica begins them, any replica shows them, and another one takes over if their owner dies.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct OperationTests {
    private func withReplicas(
        _ body: @escaping @Sendable (_ one: TestServer, _ other: TestServer, _ pool: String) async throws -> Void
    ) async throws {
        // No replica dies here, so they have the default lease: on a busy machine, a short one expires by itself.
        try await TestServer.withCluster { one in
            try await TestServer.withCluster { other in
                try await TestCluster.withPool { pool, _ in try await body(one, other, pool) }
            }
        }
    }

    private func withReplica(
        lease: Duration,
        _ body: @escaping @Sendable (_ server: TestServer, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster(change: { $0.operationLease = lease }) { server in
            try await TestCluster.withPool { pool, _ in try await body(server, pool) }
        }
    }

    private func operation(_ server: TestServer, _ id: String, wait: String = "0s") async throws -> RBDAPI.Operation {
        try await server.get("/v1/operations/\(id)?wait=\(wait)").decoded()
    }

    /// Creates an image with data, and a clone of it.
    private func makeClone(_ pool: String, megabytes: Int) async throws {
        let rbd = TestCluster.run
        _ = try await rbd("rbd", ["create", "--size", "\(megabytes)M", "\(pool)/parent"])
        _ = try await rbd(
            "rbd",
            ["bench", "--io-type", "write", "--io-size", "1M", "--io-total", "\(megabytes)M", "\(pool)/parent"]
        )
        _ = try await rbd("rbd", ["snap", "create", "\(pool)/parent@base"])
        _ = try await rbd("rbd", ["clone", "--rbd-default-clone-format", "2", "\(pool)/parent@base", "\(pool)/clone"])
    }

    @Test func flattenAndTheRest() async throws {
        try await withReplicas { one, other, pool in
            try await makeClone(pool, megabytes: 32)
            let clone = "/v1/pools/\(pool)/images/clone"
            let before = try await TestCluster.checksum("\(pool)/clone")
            let plan = try await one.post("\(clone)/flatten?dryRun=true", "").decoded(as: Plan.self)
            #expect(plan.steps.map(\.action.rawValue) == ["flatten-image"])
            let begun = try await one.post("\(clone)/flatten", "")
            #expect(begun.status == 202, "\(begun.text)")
            let id = try begun.decoded(as: RBDAPI.Operation.self).id
            // The other replica shows the operation, too.
            let last = try await operation(other, id, wait: "60s")
            #expect(last.state == .succeeded)
            #expect(try await other.get(clone).decoded(as: RBDAPI.Image.self).parent == nil)
            #expect(try await TestCluster.checksum("\(pool)/clone") == before)
            let again = try await one.post("\(clone)/flatten", "").problem
            #expect(again.code == "image-has-no-parent")

            for action in ["sparsify?blockSize=64KiB&", "rebuild-object-map?"] {
                let answer = try await one.post("\(clone)/\(action)wait=60s", "")
                #expect(answer.status == 200, "\(answer.text)")
                #expect(try answer.decoded(as: RBDAPI.Operation.self).state == .succeeded)
            }
            #expect(try await TestCluster.checksum("\(pool)/clone") == before)
            #expect(try await one.post("\(clone)/sparsify?blockSize=3KiB", "").problem.field == "blockSize")
            #expect(
                try await one.put("/v1/pools/\(pool)/images/plain", #"{"size":"1GiB","features":["layering"]}"#).status
                    == 201
            )
            let mapless = try await one.post("/v1/pools/\(pool)/images/plain/rebuild-object-map", "").problem
            #expect(mapless.code == "invalid-features")
            let listed = try await other.get("/v1/operations?pool=\(pool)&state=succeeded")
                .decoded(as: Page<RBDAPI.Operation>.self).items
            #expect(listed.map(\.kind) == ["rebuild-object-map", "sparsify-image", "flatten-image"])
            #expect(try await other.get("/v1/operations?state=odd").problem.field == "state")
            #expect(try await other.get("/v1/operations/1-0123456789abcdef").problem.code == "operation-not-found")
            #expect(try await other.get("/v1/operations/nonsense").problem.code == "operation-not-found")
        }
    }

    @Test func copies() async throws {
        try await withReplicas { one, other, pool in
            try await makeClone(pool, megabytes: 8)
            let source = "/v1/pools/\(pool)/images/clone"
            let sum = try await TestCluster.checksum("\(pool)/clone")
            for (body, name) in [
                (#"{"name":"copy"}"#, "copy"), (#"{"name":"deep","withSnapshots":true}"#, "deep"),
            ] {
                let answer = try await one.post("\(source)/copy?wait=60s", body)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(try answer.decoded(as: RBDAPI.Operation.self).target == "\(pool)/\(name)")
                #expect(try await TestCluster.checksum("\(pool)/\(name)") == sum)
            }
            let parent = "/v1/pools/\(pool)/images/parent"
            #expect(try await one.post("\(parent)/copy?wait=60s", #"{"name":"old","snapshot":"base"}"#).status == 200)
            #expect(
                try await one.post("\(parent)/copy", #"{"name":"x","snapshot":"none"}"#).problem.field == "snapshot"
            )
            #expect(try await one.post("\(source)/copy", #"{"name":"copy"}"#).problem.code == "image-exists")
            #expect(
                try await one.post("\(source)/copy", #"{"name":"x","pool":"no-such"}"#).problem.code == "pool-not-found"
            )
            // No snapshot is left on the source, and no temporary name.
            #expect(try await TestCluster.run("rbd", ["snap", "ls", "\(pool)/clone"]).isEmpty)
            let names = try await other.get("/v1/pools/\(pool)/images").decoded(as: Page<RBDAPI.Image>.self).items.map(
                \.name
            )
            #expect(names == ["clone", "copy", "deep", "old", "parent"])
        }
    }

    @Test func newImagesThatAreCopies() async throws {
        try await withReplicas { one, other, pool in
            try await makeClone(pool, megabytes: 8)
            let images = "/v1/pools/\(pool)/images"
            let copy = #"{"name":"copy","source":{"image":"clone"}}"#
            let plan = try await one.post("\(images)?dryRun=true", copy).decoded(as: Plan.self)
            #expect(plan.steps.map(\.action.rawValue) == ["copy-image"])
            #expect(plan.steps.map(\.subject) == ["\(pool)/copy"])
            #expect(try await one.get("\(images)/copy").status == 404)

            let begun = try await one.post(images, copy)
            #expect(begun.status == 202, "\(begun.text)")
            let id = try begun.decoded(as: RBDAPI.Operation.self).id
            #expect(begun.headers["location"] == "/v1/operations/\(id)")
            let last = try await operation(other, id, wait: "60s")
            #expect(last.state == .succeeded, "\(last)")
            #expect(last.kind == "copy-image")
            #expect(last.target == "\(pool)/copy")
            #expect(try await TestCluster.checksum("\(pool)/copy") == TestCluster.checksum("\(pool)/clone"))
            let made = try await one.get("\(images)/copy").decoded(as: RBDAPI.Image.self)
            #expect(made.parent == nil)
            #expect(made.snapshotCount == 0)
            #expect(try await TestCluster.run("rbd", ["snap", "ls", "\(pool)/clone"]).isEmpty)

            try await TestCluster.run("rbd", ["namespace", "create", "\(pool)/tenant"])
            let there = #"{"name":"copy","size":"8MiB","source":{"pool":"\#(pool)","image":"parent"}}"#
            let waited = try await one.post("\(images)?namespace=tenant&wait=60s", there)
            #expect(waited.status == 200, "\(waited.text)")
            #expect(try waited.decoded(as: RBDAPI.Operation.self).target == "\(pool)/tenant/copy")
            #expect(try await TestCluster.checksum("\(pool)/tenant/copy") == TestCluster.checksum("\(pool)/parent"))
        }
    }

    @Test func copiesThatAreRefused() async throws {
        try await withReplicas { one, _, pool in
            let images = "/v1/pools/\(pool)/images"
            #expect(try await one.put("\(images)/vol-1", #"{"size":"8MiB"}"#).status == 201)
            let source = #""source":{"image":"vol-1"}"#
            let cases: [(body: String, code: String, field: String?)] = [
                (#""name":"copy",\#(source),"features":["layering"]"#, "invalid-image-option", "features"),
                (#""name":"copy",\#(source),"objectSize":"4MiB""#, "invalid-image-option", "objectSize"),
                (#""name":"copy",\#(source),"stripeUnit":"4KiB""#, "invalid-image-option", "stripeUnit"),
                (#""name":"copy",\#(source),"stripeCount":2"#, "invalid-image-option", "stripeCount"),
                (#""name":"copy",\#(source),"dataPool":"\#(pool)""#, "invalid-image-option", "dataPool"),
                (#""name":"copy",\#(source),"size":"9MiB""#, "invalid-size", "size"),
                (#""name":"a@b",\#(source)"#, "invalid-name", "name"),
                (#""name":"copy","source":{"image":"vol-2"}"#, "source-not-found", "source"),
                (#""name":"copy","source":{"image":""}"#, "invalid-source", "source"),
                (#""name":"copy","source":{"image":"vol-1","pool":"no-such-pool"}"#, "source-not-found", "source"),
                (#""name":"copy","source":{"image":"vol-1","namespace":"no"}"#, "source-not-found", "source"),
                (#""name":"vol-1",\#(source)"#, "image-exists", "name"),
            ]
            for (body, code, field) in cases {
                for dryRun in ["", "?dryRun=true"] {
                    let problem = try await one.post("\(images)\(dryRun)", "{\(body)}").problem
                    #expect(problem.code == code, "\(body)\(dryRun): \(problem)")
                    #expect(problem.field == field, "\(body)\(dryRun)")
                }
            }
            let nowhere = try await one.post("\(images)?namespace=no", #"{"name":"copy",\#(source)}"#).problem
            #expect(nowhere.code == "namespace-not-found")
            let put = try await one.put("\(images)/copy", "{\(source)}").problem
            #expect(put.code == "invalid-source")
            #expect(put.hint?.contains("POST") == true)
            #expect(try await one.get(images).decoded(as: Page<RBDAPI.Image>.self).items.count == 1)
        }
    }

    /// Creates a clone that is large, so that there is time to cancel the operation, and almost empty, so that it needs
    /// no space.
    private func makeLargeClone(_ pool: String) async throws {
        let rbd = TestCluster.run
        for command in [
            "create --size 1T --image-feature layering \(pool)/parent", "snap create \(pool)/parent@base",
            "clone --rbd-default-clone-format 2 --image-feature layering \(pool)/parent@base \(pool)/clone",
            "bench --io-type write --io-size 64K --io-total 4M \(pool)/clone",
        ] {
            _ = try await rbd("rbd", command.split(separator: " ").map(String.init))
        }
    }

    /// The objects that hold an image's own data.
    private func objects(of spec: String, _ pool: String) async throws -> [Substring] {
        let info = try await TestCluster.run("rbd", ["info", spec]).split(separator: "\n")
        let prefix = try #require(info.first { $0.contains("block_name_prefix") }?.split(separator: " ").last)
        let objects = try await TestCluster.run("rados", ["--pool", pool, "ls"]).split(separator: "\n")
        return objects.filter { $0.hasPrefix(prefix) }.sorted()
    }

    @Test(arguments: ["flatten", "copy"])
    func aCancelledOneLeavesAConsistentImage(action: String) async throws {
        try await withReplicas { one, other, pool in
            try await makeLargeClone(pool)
            let clone = "/v1/pools/\(pool)/images/clone"
            let before = try await objects(of: "\(pool)/clone", pool)
            let begun = try await one.post("\(clone)/\(action)", action == "copy" ? #"{"name":"copy"}"# : "")
            let id = try begun.decoded(as: RBDAPI.Operation.self).id
            while try await operation(other, id).percent < 0.5 { try await Task.sleep(for: .milliseconds(50)) }
            let plan = try await other.delete("/v1/operations/\(id)?dryRun=true").decoded(as: Plan.self)
            #expect(plan.steps.map(\.action.rawValue) == ["cancel-operation"])
            let asked = try await other.delete("/v1/operations/\(id)")
            #expect(asked.status == 202)
            #expect(try asked.decoded(as: RBDAPI.Operation.self).cancelRequested)
            let last = try await operation(other, id, wait: "60s")
            #expect(last.state == .cancelled, "\(last)")
            #expect(last.percent < 100)
            #expect(try await other.delete("/v1/operations/\(id)").problem.code == "operation-finished")
            // The image is unchanged. Nothing is left of a copy, nor of the snapshot that it was made from.
            #expect(try await objects(of: "\(pool)/clone", pool) == before)
            #expect(try await one.get(clone).decoded(as: RBDAPI.Image.self).parent != nil)
            let names = try await other.get("/v1/pools/\(pool)/images").decoded(as: Page<RBDAPI.Image>.self).items.map(
                \.name
            )
            #expect(names == ["clone", "parent"])
            #expect(try await TestCluster.run("rbd", ["snap", "ls", "\(pool)/clone"]).isEmpty)
        }
    }

    @Test func aRepeatedRequestFindsTheOperation() async throws {
        try await withReplicas { one, other, pool in
            try await makeClone(pool, megabytes: 256)
            let clone = "/v1/pools/\(pool)/images/clone"
            let first = try await one.post("\(clone)/flatten", "").decoded(as: RBDAPI.Operation.self)
            let second = try await other.post("\(clone)/flatten", "").decoded(as: RBDAPI.Operation.self)
            #expect(first.id == second.id)
            let third = try await other.post("\(clone)/sparsify", "").problem
            #expect(third.code == "operation-in-progress")
            #expect(third.hint?.contains(first.id) == true)
            #expect(try await operation(other, first.id, wait: "60s").state == .succeeded)
        }
    }

    @Test func eventsTellTheWay() async throws {
        try await withReplicas { one, other, pool in
            try await makeClone(pool, megabytes: 256)
            let begun = try await one.post("/v1/pools/\(pool)/images/clone/flatten", "")
            let id = try begun.decoded(as: RBDAPI.Operation.self).id
            // Many clients follow the operation, and some leave before it ends.
            for _ in 0..<5 {
                let leaving = try RawConnection(to: other.url)
                leaving.send("GET /v1/operations/\(id)/events HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = await leaving.read { $0.contains("event: operation") }
            }
            async let follower = other.get("/v1/operations/\(id)/events")
            let answer = try await other.get("/v1/operations/\(id)/events")
            #expect(answer.headers["content-type"] == "text/event-stream")
            #expect(try await follower.text.contains(#""state":"succeeded""#))
            // A client that comes too late gets the final state.
            #expect(try await other.get("/v1/operations/\(id)/events").text.contains(#""state":"succeeded""#))
            let events = answer.text.components(separatedBy: "\n\n").filter { $0.hasPrefix("event: operation\ndata: ") }
            let operations = try events.map { event in
                try JSONDecoder().decode(
                    RBDAPI.Operation.self,
                    from: Data(event.dropFirst("event: operation\ndata: ".count).utf8)
                )
            }
            #expect(operations.last?.state == .succeeded)
            #expect(operations.count >= 2)
            #expect(operations.map(\.percent) == operations.map(\.percent).sorted())
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func anotherReplicaFinishesWhatAKilledOneBegan() async throws {
        try await TestCluster.withPool { pool, _ in
            let daemon = try await RunningDaemon.start(["--operation-lease", "4s"])
            try await TestServer.withCluster(change: { $0.operationLease = .seconds(4) }) { other in
                let image = "/v1/pools/\(pool)/images/big"
                #expect(try await other.put(image, #"{"size":"256GiB","features":["layering"]}"#).status == 201)
                let begun = try await daemon.server.delete("\(image)?purge=true")
                #expect(begun.status == 202)
                let id = try begun.decoded(as: RBDAPI.Operation.self).id
                while try await operation(other, id).percent < 2 { try await Task.sleep(for: .milliseconds(50)) }
                let owner = try await operation(other, id)
                #expect(owner.attempts == 1)
                daemon.process.signal(SIGKILL)
                _ = await daemon.process.finish()
                let killed = ContinuousClock.now
                var seen = owner
                while seen.attempts == 1 {
                    try await Task.sleep(for: .milliseconds(50))
                    seen = try await operation(other, id)
                    // If the operation had already finished, no replica would take it over.
                    try #require(!seen.state.isFinished || seen.attempts > 1, "it ended before its owner died")
                }
                // Within the lease, plus some time for a busy machine.
                #expect(ContinuousClock.now - killed < .seconds(30))
                while try await !operation(other, id).state.isFinished { try await Task.sleep(for: .milliseconds(200)) }
                let last = try await operation(other, id)
                #expect(last.state == .succeeded, "\(last)")
                let trash = try await other.get("/v1/pools/\(pool)/trash").decoded(as: Page<RBDAPI.TrashedImage>.self)
                #expect(trash.items.isEmpty)
            }
        }
    }

    /// Writes the record of an operation that a replica should run.
    private func begin(_ record: OperationRecord, in place: Ceph.Pool) async throws {
        let id = record.operation.id
        var change = Records.Change()
        change.set("operation.\(id)", to: record.bytes)
        change.set("open.\(id)", to: [])
        for claim in record.claims { change.set(claim, to: Array(id.utf8)) }
        #expect(try await Records(of: place).apply(change))
    }

    /// If an operation makes a replica run out of memory, the next replica would take it over and end the same way.
    @Test func whatEndsItsWorkersIsSetAside() async throws {
        // One replica, with a lease that is long enough for a busy machine: an expired lease would count as another
        // death.
        try await withReplica(lease: .seconds(20)) { one, pool in
            try await makeClone(pool, megabytes: 8)
            let clone = "/v1/pools/\(pool)/images/clone"
            let place = try await TestCluster.connect().pool(pool)
            let id = "\(try await place.id())-\(OperationStore.newNumber())"
            let spec = ImageSpec(pool: pool, image: "clone")
            let imageID = try await one.get(clone).decoded(as: RBDAPI.Image.self).id
            // The record after the third replica has died and its claims have been released.
            var operation = RBDAPI.Operation(
                id: id,
                kind: "flatten-image",
                spec: spec,
                imageID: imageID,
                target: nil,
                createdAt: Timestamp.now
            )
            (operation.state, operation.attempts, operation.percent) = (.running, 3, 12.5)
            var record = OperationRecord(operation: operation, parameters: .init())
            (record.deaths, record.percentAtDeath) = (3, 12.5)
            try await begin(record, in: place)

            let last = try await self.operation(one, id, wait: "25s")
            #expect(last.state == .failed)
            #expect(last.problem?.code == "operation-stopped")
            #expect(
                last.problem?.detail == "the replica that worked on it died 3 times before it got beyond 12.5 %"
            )
            #expect(last.attempts == 4)
            #expect(try await one.get(clone).decoded(as: RBDAPI.Image.self).parent != nil)
            // The operation can be requested again.
            #expect(try await one.post("\(clone)/flatten?wait=25s", "").status == 200)
        }
    }

    /// An operation whose record lacks required values must not succeed.
    @Test(arguments: ["shrink-image", "rollback-image", "copy-image", "rollback-group"])
    func whatCanNotBeDoneFails(kind: String) async throws {
        try await withReplicas { one, _, pool in
            let image = "/v1/pools/\(pool)/images/vol-1"
            #expect(try await one.put(image, #"{"size":"8MiB"}"#).status == 201)
            let place = try await TestCluster.connect().pool(pool)
            let id = "\(try await place.id())-\(OperationStore.newNumber())"
            let operation = RBDAPI.Operation(
                id: id,
                kind: kind,
                spec: ImageSpec(pool: pool, image: "vol-1"),
                imageID: try await one.get(image).decoded(as: RBDAPI.Image.self).id,
                target: nil,
                createdAt: Timestamp.now
            )
            let record = OperationRecord(operation: operation, parameters: .init())
            try await begin(record, in: place)

            let last = try await self.operation(one, id, wait: "25s")
            #expect(last.state == .failed)
            #expect(last.problem?.code == "internal-error")
            let lacks = "the record of operation \(id) (\(kind)) lacks its "
            #expect(last.problem?.detail.hasPrefix(lacks) == true)
        }
    }

    /// An operation that makes progress is not set aside, however often its replica dies.
    @Test func deathsCountWhereNothingIsDoneInBetween() throws {
        var record = OperationRecord(
            operation: RBDAPI.Operation(id: "1-0", kind: "copy-image", pool: "p", createdAt: Timestamp.now),
            parameters: .init()
        )
        for percent in stride(from: 0.0, to: 60, by: 10) {
            record.operation.percent = percent
            record.noteDeath("claim at \(percent)")
            #expect(record.deadEnd == nil)
        }
        for claim in ["second", "second", "second"] { record.noteDeath(claim) }
        #expect(record.deaths == 2)
        #expect(record.deadEnd == nil)
        record.noteDeath("third")
        #expect(record.deadEnd?.code == "operation-stopped")
    }

    @Test func twoReplicasPurgeAThousandImagesOnce() async throws {
        try await withReplicas { one, other, pool in
            let images = "/v1/pools/\(pool)/images"
            let count = 1000
            let place = try await TestCluster.connect().pool(pool)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<16 {
                    group.addTask {
                        for number in stride(from: client, to: count, by: 16) {
                            _ = try await place.createImage(named: "vol-\(number)", sizeBytes: 1 << 20)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                for client in 0..<16 {
                    group.addTask {
                        var statuses: [Int] = []
                        for number in stride(from: client, to: count, by: 16) {
                            let server = number.isMultiple(of: 2) ? one : other
                            let answer = try await server.delete("\(images)/vol-\(number)?purge=true")
                            #expect(answer.status == 202, "vol-\(number): \(answer.text)")
                            statuses.append(answer.status)
                        }
                        return statuses
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(statuses.allSatisfy { $0 == 202 }, "\(Set(statuses))")
            #expect(try await one.get(images).decoded(as: Page<RBDAPI.Image>.self).items.isEmpty)
            var open = 1
            while open > 0 {
                try await Task.sleep(for: .milliseconds(300))
                open = 0
                for state in ["queued", "running"] {
                    open += try await one.get("/v1/operations?pool=\(pool)&state=\(state)")
                        .decoded(as: Page<RBDAPI.Operation>.self).items.count
                }
            }
            let done = try await other.get("/v1/operations?pool=\(pool)&limit=10000")
                .decoded(as: Page<RBDAPI.Operation>.self).items
            #expect(done.count == count)
            #expect(Set(done.map(\.imageID)).count == count)
            #expect(done.allSatisfy { $0.state == .succeeded })
            let trash = try await one.get("/v1/pools/\(pool)/trash").decoded(as: Page<RBDAPI.TrashedImage>.self)
            #expect(trash.items.isEmpty)
        }
    }
}
