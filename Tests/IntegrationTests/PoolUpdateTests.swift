// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Changes of existing pools, and erasure-coded pools.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct PoolUpdateTests {
    private func ceph(_ arguments: String...) async throws -> String {
        try await TestCluster.run("ceph", arguments)
    }

    private func actions(_ answer: TestServer.Answer) throws -> [String] {
        #expect(answer.status == 200, "\(answer.text)")
        return try answer.decoded(as: Plan.self).steps.map(\.action.rawValue)
    }

    @Test func quotasAndNumbers() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)"
                let body =
                    #"{"quota":{"maxBytes":"64MiB","maxObjects":5000},"autoscale":"warn","size":2,"minSize":1,"pgNum":16}"#
                let planned = try await server.patch("\(path)?dryRun=true", body)
                #expect(
                    try actions(planned) == [
                        "set-quota", "set-quota", "set-autoscale", "set-size", "set-min-size", "set-pg-num",
                    ]
                )
                #expect(try planned.decoded(as: Plan.self).steps.first?.detail == "from no limit to 67108864")
                #expect(try await server.get(path).decoded(as: RBDAPI.Pool.self).size == 1)
                let answer = try await server.patch(path, body)
                #expect(answer.status == 200, "\(answer.text)")
                let changed = try answer.decoded(as: RBDAPI.Pool.self)
                #expect(changed.quota == PoolQuota(maxBytes: 64 << 20, maxObjects: 5000))
                #expect(changed.size == 2)
                #expect(changed.minSize == 1)
                #expect(changed.pgNum == 16)
                #expect(changed.autoscale == "warn")
                #expect(try await ceph("osd", "pool", "get-quota", pool).contains("64 MiB"))
                // Nothing is left to change.
                #expect(try actions(try await server.patch("\(path)?dryRun=true", #"{"size":2,"pgNum":16}"#)) == [])

                // One limit is removed, the other stays. The pool gets a single copy again, which the monitors want
                // confirmed twice.
                let lifted = try await server.patch(path, #"{"quota":{"maxBytes":null},"size":1}"#)
                #expect(lifted.status == 200, "\(lifted.text)")
                let again = try lifted.decoded(as: RBDAPI.Pool.self)
                #expect(again.quota == PoolQuota(maxBytes: 0, maxObjects: 5000))
                #expect(again.size == 1)
                #expect(again.minSize == 1)
            }
        }
    }

    @Test(arguments: [
        (#"{"size":0}"#, "size", "invalid-pool-option", 422), (#"{"size":11}"#, "size", "invalid-pool-option", 422),
        (#"{"minSize":3}"#, "minSize", "invalid-pool-option", 422),
        (#"{"pgNum":65537}"#, "pgNum", "invalid-pool-option", 422),
        (#"{"autoscale":"maybe"}"#, "autoscale", "invalid-pool-option", 422),
        (#"{"application":"cephfs"}"#, "application", "invalid-pool-option", 422),
        (#"{"name":"a/b"}"#, "name", "invalid-name", 422), (#"{"name":"rbd"}"#, "name", "pool-exists", 409),
        (#"{"quota":{"maxBytes":"1GB"}}"#, "quota.maxBytes", "invalid-size", 422),
        (#"{"quota":{"max":1}}"#, "max", "unknown-field", 400), (#"{"quota":1}"#, "quota", "malformed-body", 400),
        (#"{"colour":"red"}"#, "colour", "unknown-field", 400),
    ])
    func badValues(body: String, field: String, code: String, status: Int) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                for query in ["", "?dryRun=true"] {
                    let answer = try await server.patch("/v1/pools/\(pool)\(query)", body)
                    let problem = try answer.problem
                    #expect(problem.code == code, "\(answer.text)")
                    #expect(problem.field == field)
                    #expect(answer.status == status)
                }
            }
        }
    }

    /// Only the monitors detect this failure, when other changes are already made. The answer says which.
    @Test func aFailureSaysWhatWasDone() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let body = #"{"quota":{"maxObjects":7000},"pgNum":65536,"name":"\#(pool)-new"}"#
                let answer = try await server.patch("/v1/pools/\(pool)", body)
                let problem = try answer.problem
                #expect(problem.code == "invalid-pool-option", "\(answer.text)")
                #expect(problem.field == "pgNum")
                #expect(problem.detail.hasSuffix("; changed already: quota.maxObjects; not changed: pgNum, name"))
                let left = try await server.get("/v1/pools/\(pool)").decoded(as: RBDAPI.Pool.self)
                #expect(left.quota.maxObjects == 7000)
                #expect(try await server.patch("/v1/pools/none-\(pool)", "{}").problem.code == "pool-not-found")
            }
        }
    }

    /// Images of other pools refer to the pool by its number.
    @Test func aNewNameKeepsClonesAndDataPools() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                try await TestCluster.withPool { other, _ in
                    try await TestCluster.run("rbd", ["create", "--size", "1M", "\(pool)/vol-1"])
                    try await TestCluster.run("rbd", ["snap", "create", "\(pool)/vol-1@s"])
                    try await TestCluster.run("rbd", ["snap", "protect", "\(pool)/vol-1@s"])
                    try await TestCluster.run("rbd", ["clone", "\(pool)/vol-1@s", "\(other)/clone"])
                    let data = #"{"size":"1MiB","dataPool":"\#(pool)"}"#
                    #expect(try await server.put("/v1/pools/\(other)/images/data", data).status == 201)

                    let newName = "\(pool)-new"
                    let dry = try await server.patch("/v1/pools/\(pool)?dryRun=true", #"{"name":"\#(newName)"}"#)
                    #expect(try actions(dry) == ["rename-pool"])
                    let renamed = try await server.patch("/v1/pools/\(pool)", #"{"name":"\#(newName)"}"#)
                    #expect(try renamed.decoded(as: RBDAPI.Pool.self).name == newName)
                    #expect(try await server.get("/v1/pools/\(pool)").problem.code == "pool-not-found")
                    let images = try await server.get("/v1/pools/\(other)/images").decoded(as: Page<Image>.self).items
                    #expect(images.map { $0.parent?.pool ?? $0.dataPool } == [newName, newName])

                    // The plan lists what the deletion would destroy. While other tests keep the cluster busy, the
                    // search through all pools may not finish in time.
                    var plan: Plan
                    repeat {
                        plan = try await server.delete("/v1/pools/\(newName)?dryRun=true").decoded(as: Plan.self)
                    } while plan.steps.last?.detail != nil
                    #expect(plan.allowed)
                    #expect(plan.steps.first?.detail == "1 image")
                    #expect(
                        Set(plan.steps.map { "\($0.action) \($0.subject)" }) == [
                            "destroy-contents \(newName)", "break-clone \(other)/clone",
                            "destroy-image-data \(other)/data", "delete-pool \(newName)",
                        ]
                    )
                    #expect(try await server.get("/v1/pools/\(newName)").status == 200)
                    #expect(try await server.patch("/v1/pools/\(newName)", #"{"name":"\#(pool)"}"#).status == 200)
                }
            }
        }
    }

    @Test func aPoolOfNobodyIsMadeReady() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            _ = try await ceph("osd", "pool", "create", name, "8")
            let path = "/v1/pools/\(name)"
            #expect(try await server.get(path).decoded(as: RBDAPI.Pool.self).applications == [])
            let dry = try await server.patch("\(path)?dryRun=true", #"{"application":"rbd"}"#)
            #expect(try actions(dry) == ["initialize-pool"])
            let ready = try await server.patch(path, #"{"application":"rbd"}"#)
            #expect(try ready.decoded(as: RBDAPI.Pool.self).applications == ["rbd"])
            #expect(try await server.delete("\(path)?confirm=\(name)").status == 204)
        }
    }

    @Test func dryRunsOfPoolsChangeNothing() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            let planned = try await server.post("/v1/pools?dryRun=true", #"{"name":"\#(name)"}"#)
            #expect(try actions(planned) == ["create-pool", "initialize-pool"])
            let coded = #"{"name":"\#(name)","type":"erasure","dataChunks":2,"codingChunks":1}"#
            #expect(
                try actions(try await server.post("/v1/pools?dryRun=true", coded)) == [
                    "create-erasure-code-profile", "create-pool", "allow-overwrites", "initialize-pool",
                ]
            )
            #expect(try await server.get("/v1/pools/\(name)").problem.code == "pool-not-found")
            #expect(try await server.post("/v1/pools?dryRun=true", #"{"name":"rbd"}"#).problem.code == "pool-exists")
            #expect(try await server.delete("/v1/pools/\(name)?dryRun=true").problem.code == "pool-not-found")
            let wrong = try await server.delete("/v1/pools/rbd?dryRun=true&confirm=other").problem
            #expect(wrong.code == "confirmation-required")
        }
    }

    @Test(arguments: [
        (#""type":"mirrored""#, "type"), (#""dataChunks":2"#, "dataChunks"),
        (#""erasureCodeProfile":"x""#, "erasureCodeProfile"), (#""type":"erasure""#, "dataChunks"),
        (#""type":"erasure","dataChunks":2"#, "codingChunks"),
        (#""type":"erasure","dataChunks":1,"codingChunks":1"#, "dataChunks"),
        (#""type":"erasure","dataChunks":2,"codingChunks":1,"size":3"#, "size"),
        (#""type":"erasure","dataChunks":2,"codingChunks":1,"failureDomain":"a b""#, "failureDomain"),
        (#""type":"erasure","erasureCodeProfile":"p","codingChunks":1"#, "codingChunks"),
        (#""type":"erasure","erasureCodeProfile":"no-such-profile""#, "erasureCodeProfile"),
    ])
    func badErasureCodes(fields: String, field: String) async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            let answer = try await server.post("/v1/pools?dryRun=true", #"{"name":"\#(name)",\#(fields)}"#)
            #expect(answer.status == 422, "\(answer.text)")
            #expect(try answer.problem.code == "invalid-pool-option")
            #expect(try answer.problem.field == field)
        }
    }

    /// Overwrites of erasure-coded pools need BlueStore. The cluster of `dev/test` has memstore, so there the creation
    /// fails half-way. `dev/cluster start --osds 3 --bluestore` starts a cluster that supports it.
    @Test func erasureCodedPools() async throws {
        let hasBlueStore = try await ceph("osd", "metadata").contains(#""osd_objectstore": "bluestore""#)
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName("ec")
            let body =
                #"{"name":"\#(name)","type":"erasure","dataChunks":2,"codingChunks":1,"failureDomain":"osd","pgNum":8}"#
            let created = try await server.post("/v1/pools?wait=20s", body)
            if hasBlueStore {
                try await wholeLife(of: name, created, server)
            } else {
                let problem = try created.problem
                #expect(problem.code == "invalid-pool-option", "\(created.text)")
                #expect(problem.field == "type")
                #expect(problem.detail.contains("bluestore"))
                #expect(problem.detail.hasSuffix("the pool was created, but it is not yet made ready for RBD"))
                #expect(problem.remedy == .enableApplication(ofPool: name))
                let again = try await server.patch("/v1/pools/\(name)", #"{"application":"rbd"}"#).problem
                #expect(again.code == "invalid-pool-option")
                #expect(again.field == "application")
                #expect(again.detail.hasSuffix("; nothing was changed"))
            }
            let pool = try await server.get("/v1/pools/\(name)").decoded(as: RBDAPI.Pool.self)
            #expect(pool.type == "erasure")
            #expect(pool.size == 3)
            #expect(try await server.patch("/v1/pools/\(name)", #"{"size":2}"#).problem.field == "size")
            #expect(try await server.delete("/v1/pools/\(name)?confirm=\(name)").status == 204)
        }
    }

    private func wholeLife(of name: String, _ created: TestServer.Answer, _ server: TestServer) async throws {
        #expect(created.status == 201, "\(created.text)")
        let pool = try created.decoded(as: RBDAPI.Pool.self)
        #expect(pool.flags.contains("ec_overwrites"))
        #expect(pool.applications == ["rbd"])
        let inside = try await server.put("/v1/pools/\(name)/images/vol-1", #"{"size":"1MiB"}"#).problem
        #expect(inside.code == "pool-erasure-coded")
        #expect(inside.hint?.contains("data pool") == true)
        #expect(
            try await server.post("/v1/pools/\(name)/groups", #"{"name":"g"}"#).problem.code == "pool-erasure-coded"
        )
        // A pool without overwrites.
        let plain = TestCluster.uniqueName("ec")
        _ = try await ceph("osd", "pool", "create", plain, "8", "8", "erasure", "rbd-rest-api-2-1-osd")
        #expect(
            try await server.put("/v1/pools/\(plain)/images/vol-1", #"{"size":"1MiB"}"#).problem.code
                == "pool-erasure-coded"
        )
        try await TestCluster.withPool { images, _ in
            let image = "/v1/pools/\(images)/images/vol-1"
            let refused = try await server.put(image, #"{"size":"1MiB","dataPool":"\#(plain)"}"#).problem
            #expect(refused.field == "dataPool")
            #expect(refused.remedy == .enableApplication(ofPool: plain))
            #expect(try await server.patch("/v1/pools/\(plain)", #"{"application":"rbd"}"#).status == 200)
            for data in [name, plain] {
                let made = try await server.put("\(image)-\(data)", #"{"size":"8MiB","dataPool":"\#(data)"}"#)
                #expect(made.status == 201, "\(made.text)")
                let bench = ["bench", "--io-type", "write", "--io-total", "4M", "\(images)/vol-1-\(data)"]
                _ = try await TestCluster.run("rbd", bench)
            }
            let plan = try await server.delete("/v1/pools/\(name)?dryRun=true").decoded(as: Plan.self)
            #expect(plan.steps.map(\.action.rawValue) == ["destroy-image-data", "delete-pool"])
        }
        #expect(try await server.delete("/v1/pools/\(plain)?confirm=\(plain)").status == 204)

        // There are more chunks than OSDs, so the pool's placement groups never become active.
        let stuck = TestCluster.uniqueName("ec")
        let late = try await server.send(
            "POST",
            "/v1/pools",
            body: #"{"name":"\#(stuck)","type":"erasure","dataChunks":4,"codingChunks":2,"failureDomain":"osd"}"#,
            headers: ["Content-Type": "application/json", "Request-Timeout": "8"]
        )
        #expect(late.status == 504)
        #expect(try late.problem.detail.contains("the pool was created, but it is not yet made ready"), "\(late.text)")
        #expect(try await server.get("/v1/pools/\(stuck)").status == 200)
        #expect(try await server.delete("/v1/pools/\(stuck)?confirm=\(stuck)").status == 204)
    }

    @Test func byCommand() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let planned = try await rbdctl(server, "pool", "set", pool, "--quota-bytes", "1GiB", "--dry-run")
                #expect(planned.standardOutput.contains("from no limit to 1073741824"), "\(planned.standardError)")
                let set = try await rbdctl(server, "pool", "set", pool, "--quota-bytes", "1GiB", "-o", "json")
                #expect(set.status == 0, "\(set.standardError)")
                #expect(set.standardOutput.contains(#""maxBytes": 1073741824"#))
                #expect(try await rbdctl(server, "pool", "set", pool, "--quota-bytes", "0").status == 0)
                let renamed = try await rbdctl(server, "pool", "set", pool, "--name", "\(pool)-b", "-o", "name")
                #expect(renamed.standardOutput == "\(pool)-b\n")
                let deletion = try await rbdctl(server, "pool", "delete", "\(pool)-b", "--dry-run")
                #expect(deletion.status == 0)
                #expect(deletion.standardOutput.contains("delete-pool"))
                #expect(try await rbdctl(server, "pool", "set", "\(pool)-b", "--name", pool).status == 0)
                let coded = try await rbdctl(
                    server,
                    "pool",
                    "create",
                    "\(pool)-ec",
                    "--type",
                    "erasure",
                    "--data-chunks",
                    "2",
                    "--coding-chunks",
                    "1",
                    "--dry-run"
                )
                #expect(coded.standardOutput.contains("2 data chunks and 1 coding chunks"), "\(coded.standardError)")
                #expect(try await rbdctl(server, "pool", "set", pool).status == 64)
            }
        }
    }
}
