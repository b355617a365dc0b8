// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Pools with the façade, over HTTP and with `rbdctl`. The tests run one at a time: one of them forbids the deletion of
/// all pools for a moment, which `TestCluster.withPool` waits out.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)), .serialized)
struct PoolTests {
    @Test func poolsComeAndGo() async throws {
        let cluster = try await TestCluster.connect()
        let name = TestCluster.uniqueName()
        let options = PoolOptions(pgNum: 16, size: 1, autoscale: .warn)
        let pool = try await cluster.createPool(named: name, options: options)
        #expect(pool.name == name)
        #expect(pool.pgNum == 16)
        #expect(pool.size == 1)
        #expect(pool.autoscale == .warn)
        #expect(pool.applications == [])
        #expect(!pool.isErasureCoded)
        #expect(try await cluster.pools().contains { $0.id == pool.id })
        var error = await #expect(throws: CephError.self) { try await cluster.createPool(named: name) }
        #expect(error?.code == .poolExists)
        let call = LongCall()
        try await cluster.pool(name).waitForPlacementGroups(pool.pgNum, call: call, on: cluster.calls)
        #expect(call.fraction > 0.9)
        // Repeating it does no harm.
        for _ in 0..<2 { try await cluster.initializePool(named: name) }
        #expect(try await cluster.poolInfo(named: name).applications == ["rbd"])

        try await TestCluster.run("ceph", ["osd", "pool", "set-quota", name, "max_bytes", "4194304"])
        let quota = try await cluster.poolInfo(named: name)
        #expect(quota.quotaBytes == 4_194_304)
        if let usage = quota.usage { #expect(usage.availableBytes <= 4_194_304) }

        try await TestCluster.run("ceph", ["osd", "pool", "set", name, "nodelete", "true"])
        error = await #expect(throws: CephError.self) { try await cluster.deletePool(named: name) }
        #expect(error?.code == .poolDeletionDisabled)
        #expect(error?.detail?.contains("nodelete") == true)
        try await TestCluster.run("ceph", ["osd", "pool", "set", name, "nodelete", "false"])

        try await cluster.deletePool(named: name)
        error = await #expect(throws: CephError.self) { try await cluster.deletePool(named: name) }
        #expect(error?.code == .poolNotFound)
        error = await #expect(throws: CephError.self) { try await cluster.poolInfo(named: name) }
        #expect(error?.code == .poolNotFound)
        error = await #expect(throws: CephError.self) { try await cluster.pool(name).images() }
        #expect(error?.code == .poolNotFound)
    }

    @Test func theLifeOfAPool() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            let created = try await server.post(
                "/v1/pools?wait=20s",
                #"{"name":"\#(name)","pgNum":8,"size":1,"autoscale":"off"}"#
            )
            #expect(created.status == 201, "\(created.text)")
            #expect(created.headers["location"] == "/v1/pools/\(name)")
            let pool: RBDAPI.Pool = try created.decoded()
            #expect(pool.pgNum == 8)
            #expect(pool.applications == ["rbd"])
            #expect(try await server.post("/v1/pools", #"{"name":"\#(name)"}"#).problem.code == "pool-exists")
            #expect(try await server.get("/v1/pools/\(name)").decoded(as: RBDAPI.Pool.self).id == pool.id)
            let page = try await server.get("/v1/pools?prefix=\(name)&limit=1").decoded(as: Page<RBDAPI.Pool>.self)
            #expect(page.items.map(\.name) == [name])
            #expect(page.nextCursor == nil)

            #expect(try await server.delete("/v1/pools/\(name)").problem.code == "confirmation-required")
            #expect(try await server.get("/v1/pools/\(name)").status == 200)
            #expect(try await server.delete("/v1/pools/\(name)?confirm=\(name)").status == 204)
            #expect(try await server.delete("/v1/pools/\(name)?confirm=\(name)").problem.code == "pool-not-found")
            #expect(try await server.get("/v1/pools/\(name)").problem.code == "pool-not-found")
            #expect(try await server.get("/v1/pools/\(name)/images").problem.code == "pool-not-found")
        }
    }

    /// The defaults of a profile change from release to release. After an upgrade, the monitors would refuse to set it
    /// again.
    @Test func aProfileThatAnotherReleaseHasSetIsUsed() async throws {
        try await TestServer.withCluster { server in
            let profile = "rbd-rest-api-2-2-osd"
            let settings = ["k=2", "m=2", "crush-failure-domain=osd", "technique=cauchy_good", "plugin=jerasure"]
            try await TestCluster.run("ceph", ["osd", "erasure-code-profile", "set", profile] + settings)
            let name = TestCluster.uniqueName()
            let made = try await server.post(
                "/v1/pools",
                #"{"name":"\#(name)","type":"erasure","dataChunks":2,"codingChunks":2,"failureDomain":"osd","pgNum":1}"#
            )
            // After this, an OSD with memstore refuses to enable overwrites of parts of objects.
            #expect([201, 202].contains(made.status) || made.text.contains("bluestore"), "\(made.text)")
            let told = try await TestCluster.run("ceph", ["osd", "pool", "get", name, "erasure_code_profile"])
            #expect(told.contains(profile))
            _ = try await server.delete("/v1/pools/\(name)?confirm=\(name)")
        }
    }

    /// Ceph keeps the CRUSH rule of an erasure-coded pool that is deleted, and uses it for the next pool of that name.
    @Test func aFormerPoolsRuleDoesNotDecideOverANewPool() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            func pool(_ fields: String, dryRun: Bool = false) async throws -> TestServer.Answer {
                let body = #"{"name":"\#(name)","type":"erasure",\#(fields),"pgNum":1}"#
                return try await server.post("/v1/pools\(dryRun ? "?dryRun=true" : "")", body)
            }
            let ceph = TestCluster.run
            let profile = ["osd", "erasure-code-profile", "set", "\(name)-profile", "k=2", "m=1"]
            _ = try await ceph("ceph", profile + ["crush-failure-domain=osd"])
            _ = try await ceph("ceph", ["osd", "crush", "rule", "create-erasure", name, "\(name)-profile"])
            let chunks = #""dataChunks":2,"codingChunks":1,"failureDomain":"#
            for fields in [#"\#(chunks)"host""#, #""dataChunks":2,"codingChunks":1"#] {
                for dryRun in [true, false] {
                    let refused = try await pool(fields, dryRun: dryRun).problem
                    #expect(refused.code == "invalid-pool-option")
                    #expect(refused.field == "failureDomain")
                    #expect(refused.detail.contains(#"its failure domain is "osd" in "default", and not "host""#))
                    #expect(refused.hint?.contains("ceph osd crush rule rm \(name)") == true)
                }
            }
            #expect(try await server.get("/v1/pools/\(name)").status == 404)
            // With the same failure domain, the rule is as good as a new one.
            for fields in [#"\#(chunks)"osd""#, #""erasureCodeProfile":"\#(name)-profile""#] {
                #expect(try await pool(fields, dryRun: true).status == 200)
            }
            // After this, an OSD with memstore refuses to enable overwrites of parts of objects.
            let made = try await pool(#"\#(chunks)"osd""#)
            #expect([201, 202].contains(made.status) || made.text.contains("bluestore"), "\(made.text)")
            #expect(try await pool(#"\#(chunks)"host""#).problem.code == "pool-exists")
            _ = try await server.delete("/v1/pools/\(name)?confirm=\(name)")
            _ = try await ceph("ceph", ["osd", "crush", "rule", "rm", name])
            _ = try await ceph("ceph", ["osd", "erasure-code-profile", "rm", "\(name)-profile"])
        }
    }

    /// What the monitors refuse, and the command that helps in each case.
    @Test(
        arguments: [
            (["osd", "pool", "set", "POOL", "nodelete", "REFUSE"], "ceph osd pool set POOL nodelete false"),
            (
                ["tell", "mon.*", "injectargs", "--mon_allow_pool_delete=ALLOW"],
                "ceph config set mon mon_allow_pool_delete true"
            ),
        ]
    )
    func cephsOwnRefusalToDeleteAPool(command: [String], mend: String) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                func allow(_ isAllowed: Bool) async throws {
                    let words = command.map {
                        $0.replacingOccurrences(of: "POOL", with: pool)
                            .replacingOccurrences(of: "REFUSE", with: "\(!isAllowed)")
                            .replacingOccurrences(of: "ALLOW", with: "\(isAllowed)")
                    }
                    try await TestCluster.run("ceph", words)
                }
                try await allow(false)
                let refused = try await server.delete("/v1/pools/\(pool)?confirm=\(pool)")
                try await allow(true)
                #expect(refused.status == 403)
                let problem = try refused.problem
                #expect(problem.code == "pool-deletion-disabled")
                #expect(problem.hint?.hasPrefix(mend.replacingOccurrences(of: "POOL", with: pool)) == true)
                #expect(problem.errno == 1)
                #expect(try await server.get("/v1/pools/\(pool)").status == 200)
            }
        }
    }

    @Test func poolsAndTheCluster() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            let created = try await rbdctl(server, "pool", "create", name, "--pg-num", "8", "--size", "1")
            #expect(created.status == 0, "\(created.standardError)")
            let names = try await rbdctl(server, "pool", "list", "-o", "name").standardOutput
            #expect(names.split(separator: "\n").contains { $0 == name })
            #expect(try await rbdctl(server, "pool", "get", name, "-o", "yaml").standardOutput.contains("pgNum: 8"))
            let unconfirmed = try await rbdctl(server, "pool", "delete", name)
            #expect(unconfirmed.status == 64)
            #expect(unconfirmed.standardError.contains("--confirm"))
            #expect(try await rbdctl(server, "pool", "delete", name, "--confirm", name).status == 0)
            #expect(try await rbdctl(server, "pool", "get", name).status == 2)
            let cluster = try await rbdctl(server, "cluster", "get", "-o", "json")
            let status = try JSONDecoder().decode(ClusterStatus.self, from: Data(cluster.standardOutput.utf8))
            #expect(try await TestCluster.run("ceph", ["fsid"]).contains(status.fsid))
        }
    }
}
