// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// `PATCH …/images/{image}`, compared with `rbd`.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct ImageUpdateTests {
    private func withImage(
        _ properties: String = #"{"size":"16MiB"}"#,
        _ body: @escaping @Sendable (_ server: TestServer, _ path: String, _ spec: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/images/vol-1"
                let created = try await server.put(path, properties)
                #expect(created.status == 201, "\(created.text)")
                try await body(server, path, "\(pool)/vol-1")
            }
        }
    }

    private func size(_ spec: String) async throws -> Int {
        struct Info: Decodable { var size: Int }
        let text = try await TestCluster.run("rbd", ["info", "--format", "json", spec])
        return try JSONDecoder().decode(Info.self, from: Data(text.utf8)).size
    }

    private func plan(_ answer: TestServer.Answer) throws -> [String] {
        try answer.decoded(as: Plan.self).steps.map(\.action.rawValue)
    }

    // MARK: Size

    @Test func growsAndShrinksOnlyWhenItIsMeant() async throws {
        try await withImage { server, path, spec in
            let dry = try await server.patch("\(path)?dryRun=true", #"{"size":"32MiB"}"#)
            #expect(try plan(dry) == ["grow-image"])
            #expect(try await size(spec) == 16 << 20)
            let grown = try await server.patch(path, #"{"size":"32MiB"}"#)
            #expect(grown.status == 200, "\(grown.text)")
            #expect(try grown.decoded(as: Image.self).sizeBytes == 32 << 20)
            #expect(try await size(spec) == 32 << 20)
            // A repeated request is not an error, and changes nothing.
            #expect(try plan(try await server.patch("\(path)?dryRun=true", #"{"size":"32MiB"}"#)).isEmpty)
            #expect(try await server.patch(path, #"{"size":33554432}"#).status == 200)

            for (body, field) in [
                (#"{"size":"8MiB"}"#, "allowShrink"), (#"{"size":"8MiB","allowShrink":false}"#, "allowShrink"),
                (#"{"size":"8MiB","allowShrink":true}"#, "confirmSize"),
                (#"{"size":"8MiB","allowShrink":true,"confirmSize":"9MiB"}"#, "confirmSize"),
            ] {
                let refused = try await server.patch(path, body).problem
                #expect(refused.code == "confirmation-required")
                #expect(refused.field == field)
                #expect(refused.hint?.contains(#""confirmSize": 8388608"#) == true)
            }
            let shrink = #"{"size":"8MiB","allowShrink":true,"confirmSize":"8MiB"}"#
            #expect(try plan(try await server.patch("\(path)?dryRun=true", shrink)) == ["shrink-image"])
            #expect(try await size(spec) == 32 << 20)
            let shrunk = try await server.patch("\(path)?wait=20s", shrink)
            #expect(shrunk.status == 200, "\(shrunk.text)")
            #expect(try shrunk.decoded(as: Image.self).sizeBytes == 8 << 20)
            #expect(try await size(spec) == 8 << 20)
        }
    }

    /// Without an object map, librbd tries each object that may lie beyond the new end. An object map has a maximum
    /// size, which librbd does not report.
    @Test func anObjectMapHasAnEnd() async throws {
        try await withImage { server, path, _ in
            for query in ["", "?dryRun=true"] {
                let grown = try await server.patch("\(path)\(query)", #"{"size":"2PiB"}"#).problem
                #expect(grown.code == "invalid-size" && grown.field == "size", "\(grown)")
                #expect(grown.detail.contains("at most 256000000"))
            }
            let off = #"{"size":"2PiB","disableFeatures":["object-map","fast-diff"]}"#
            let without = try await server.patch(path, off)
            #expect(without.status == 200, "\(without.text)")
            let on = try await server.patch(path, #"{"enableFeatures":["object-map"]}"#).problem
            #expect(on.code == "invalid-features" && on.field == "enableFeatures", "\(on)")
        }
    }

    @Test func shrinkingIsAnOperation() async throws {
        try await withImage(#"{"size":"300GiB","features":["layering"]}"#) { server, path, spec in
            let shrink = #""size":"8MiB","allowShrink":true,"confirmSize":"8MiB""#
            let answer = try await server.patch(path, #"{\#(shrink),"metadata":{"a":"b"}}"#)
            #expect(answer.status == 202, "\(answer.text)")
            let begun = try answer.decoded(as: RBDAPI.Operation.self)
            #expect(answer.headers["location"] == "/v1/operations/\(begun.id)")
            #expect(begun.kind == "shrink-image")
            #expect(try await server.get(path).decoded(as: Image.self).metadata == ["a": "b"])
            // The same request again finds the operation. Requests that conflict with it are refused.
            let again = try await server.patch(path, "{\(shrink)}").decoded(as: RBDAPI.Operation.self)
            #expect(again.id == begun.id)
            for body in [#"{"size":"400GiB"}"#, #"{"name":"other"}"#] {
                let refused = try await server.patch(path, body).problem
                #expect(refused.code == "operation-in-progress")
                #expect(refused.hint?.contains(begun.id) == true)
            }
            let problem = try await server.delete("/v1/operations/\(begun.id)").problem
            #expect(problem.code == "operation-not-cancellable")
            var last: RBDAPI.Operation
            var isMoving = false
            repeat {
                last = try await server.get("/v1/operations/\(begun.id)?wait=1s").decoded()
                if last.state == .running && last.percent > 0 { isMoving = true }
            } while !last.state.isFinished
            #expect(last.state == .succeeded, "\(last)")
            #expect(isMoving)
            #expect(try await size(spec) == 8 << 20)
        }
    }

    @Test func resizeByCommand() async throws {
        try await withImage { server, _, spec in
            let shrink = ["image", "resize", spec, "8MiB", "--allow-shrink", "--confirm", "8MiB"]
            let planned = try await rbdctl(server, shrink + ["--dry-run"])
            #expect(planned.standardOutput.contains("shrink-image"), "\(planned.standardError)")
            let done = try await rbdctl(server, shrink)
            #expect(done.standardOutput == "\(spec)\n", "\(done.standardError)")
            #expect(done.standardError.contains("shrink-image \(spec): 100% succeeded"))
            #expect(try await size(spec) == 8 << 20)
            // An image that is already small enough needs no operation.
            #expect(try await rbdctl(server, shrink).standardOutput == "\(spec)\n")
        }
    }

    @Test func aRunningClientLosesNothing() async throws {
        try await withImage { server, path, spec in
            let client = try await TestCluster.openClient(of: spec)
            let shrink = #"{"size":"8MiB","allowShrink":true,"confirmSize":"8MiB"}"#
            for query in ["", "?dryRun=true"] {
                let refused = try await server.patch(path + query, shrink).problem
                #expect(refused.code == "image-in-use")
                #expect(refused.blockers?.map(\.kind) == [.watcher])
            }
            #expect(try await size(spec) == 16 << 20)
            // The image may still grow.
            let grown = try await server.patch(path, #"{"size":"32MiB"}"#)
            #expect(grown.status == 200, "\(grown.text)")
            #expect(try await size(spec) == 32 << 20)
            try client.endInput()
        }
    }

    @Test func anAdvisoryLockIsTold() async throws {
        try await withImage { server, path, spec in
            try await TestCluster.run("rbd", ["lock", "add", spec, "mine"])
            for query in ["", "?dryRun=true"] {
                let refused = try await server.patch(path + query, #"{"size":"32MiB"}"#).problem
                #expect(refused.code == "image-in-use")
                #expect(refused.blockers?.map(\.kind) == [.lock])
            }
            #expect(try await size(spec) == 16 << 20)
        }
    }

    // MARK: Name

    @Test func renames() async throws {
        try await withImage { server, path, spec in
            let other = path.replacingOccurrences(of: "vol-1", with: "vol-2")
            let id = try await server.get(path).decoded(as: Image.self).id
            #expect(try await server.put(other, #"{"size":"1MiB"}"#).status == 201)
            for query in ["", "?dryRun=true"] {
                let taken = try await server.patch(path + query, #"{"name":"vol-2","metadata":{"a":"b"}}"#).problem
                #expect(taken.code == "image-exists")
                #expect(taken.status == 409)
            }
            #expect(try await server.get(path).decoded(as: Image.self).metadata == [:])
            #expect(try await server.patch(path, #"{"name":"a/b"}"#).problem.code == "invalid-name")
            let renamed = try await server.patch(path, #"{"name":"vol-3","size":"32MiB"}"#)
            #expect(renamed.status == 200, "\(renamed.text)")
            let image = try renamed.decoded(as: Image.self)
            #expect(image.name == "vol-3")
            #expect(image.id == id)
            #expect(image.sizeBytes == 32 << 20)
            #expect(try await server.get(path).problem.code == "image-not-found")
            #expect(try await server.patch(path, #"{"size":"1MiB"}"#).problem.code == "image-not-found")
            // The same name is not a change.
            let third = path.replacingOccurrences(of: "vol-1", with: "vol-3")
            #expect(try await server.patch(third, #"{"name":"vol-3"}"#).status == 200)
        }
    }

    /// Two renames that exchange names at the same time must not wait for each other forever.
    @Test func renamesSideBySide() async throws {
        try await withImage { server, path, _ in
            let other = path.replacingOccurrences(of: "vol-1", with: "vol-2")
            #expect(try await server.put(other, #"{"size":"1MiB"}"#).status == 201)
            for _ in 0..<4 {
                async let one = server.patch(path, #"{"name":"vol-2"}"#)
                async let two = server.patch(other, #"{"name":"vol-1"}"#)
                let codes = (try await one.status, try await two.status)
                #expect(codes == (409, 409))
            }
        }
    }

    // MARK: Features

    @Test func featuresGoWithWhatTheyNeed() async throws {
        try await withImage(#"{"size":"16MiB","features":["layering"]}"#) { server, path, spec in
            let dry = try await server.patch("\(path)?dryRun=true", #"{"enableFeatures":["fast-diff"]}"#)
            #expect(try plan(dry) == ["enable-features", "rebuild-object-map"])
            let enabled = try await server.patch(path, #"{"enableFeatures":["fast-diff"]}"#)
            #expect(enabled.status == 200, "\(enabled.text)")
            #expect(
                try enabled.decoded(as: Image.self).features == [
                    "layering", "exclusive-lock", "object-map", "fast-diff",
                ]
            )
            // An operation fills the object map. The map is valid a moment before the operation ends.
            let operations = "/v1/operations?pool=\(spec.split(separator: "/")[0])"
            while try await server.get(operations).decoded(as: Page<RBDAPI.Operation>.self).items
                .contains(where: { !$0.state.isFinished })
            {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try await !TestCluster.run("rbd", ["info", spec]).contains("invalid"))
            let disabled = try await server.patch(path, #"{"disableFeatures":["exclusive-lock"]}"#)
            #expect(disabled.status == 200, "\(disabled.text)")
            #expect(try disabled.decoded(as: Image.self).features == ["layering"])

            for (body, field) in [
                (#"{"enableFeatures":["layering"]}"#, "enableFeatures"),
                (#"{"enableFeatures":["deep-flatten"]}"#, "enableFeatures"),
                (#"{"disableFeatures":["striping"]}"#, "disableFeatures"),
                (#"{"enableFeatures":["fast-diff"],"disableFeatures":["object-map"]}"#, "disableFeatures"),
            ] {
                let refused = try await server.patch(path, body).problem
                #expect(refused.code == "invalid-features")
                #expect(refused.field == field)
            }
        }
    }

    @Test func aJournalGoesOnlyWhenItIsNamed() async throws {
        try await withImage { server, path, _ in
            #expect(try await server.patch(path, #"{"enableFeatures":["journaling"]}"#).status == 200)
            let refused = try await server.patch(path, #"{"disableFeatures":["exclusive-lock"]}"#).problem
            #expect(refused.code == "invalid-features")
            #expect(refused.hint?.contains("journaling") == true)
            let both = try await server.patch(path, #"{"disableFeatures":["exclusive-lock","journaling"]}"#)
            #expect(try both.decoded(as: Image.self).features == ["layering", "deep-flatten"])
        }
    }

    // MARK: Metadata and limits

    @Test func metadataIsMerged() async throws {
        try await withImage { server, path, spec in
            let set = try await server.patch(path, #"{"metadata":{"owner":"team-a","ticket":"42","gone":null}}"#)
            #expect(try set.decoded(as: Image.self).metadata == ["owner": "team-a", "ticket": "42"])
            #expect(try await TestCluster.run("rbd", ["image-meta", "get", spec, "owner"]) == "team-a\n")
            let merged = try await server.patch(path, #"{"metadata":{"ticket":null,"note":""}}"#)
            #expect(try merged.decoded(as: Image.self).metadata == ["owner": "team-a", "note": ""])
            // This is more than one answer of the OSD can hold.
            let many = (0..<1200).map { #""key-\#($0)":"value""# }.joined(separator: ",")
            let all = try await server.patch(path, #"{"metadata":{\#(many)}}"#)
            #expect(try all.decoded(as: Image.self).metadata?.count == 1202)
            #expect(try await server.get(path).decoded(as: Image.self).metadata?.count == 1202)

            let list = try await server.get(path.replacingOccurrences(of: "/vol-1", with: "")).text
            #expect(list.contains(#""metadata":null"#))
            #expect(try await server.patch(path, #"{"metadata":null}"#).problem.code == "malformed-body")
            #expect(try await server.patch(path, #"{"metadata":{"a":1}}"#).problem.field == "metadata.a")
            #expect(try await server.patch(path, #"{"metadata":{"":"a"}}"#).problem.code == "invalid-metadata")
            let limit = try await server.patch(path, #"{"metadata":{"conf_rbd_qos_iops_limit":"1"}}"#).problem
            #expect(limit.code == "invalid-metadata")
            #expect(limit.hint == "set it with the field qos.\(limit.remedy?.value ?? "?")")
        }
    }

    /// The parts before the failing one are undone.
    @Test func allOrNothing() async throws {
        try await withImage { server, path, spec in
            #expect(try await server.patch(path, #"{"metadata":{"a":"1"}}"#).status == 200)
            let before = try await server.get(path)
            let refused = try await server.patch(
                path,
                #"{"metadata":{"a":"2","b":"1","conf_no_such_option":"1"},"size":"32MiB"}"#
            ).problem
            #expect(refused.code == "invalid-metadata")
            #expect(refused.field == "metadata")
            #expect(refused.detail.hasSuffix("; nothing was changed"), "\(refused.detail)")
            // The times of the last use may change.
            #expect(try await server.get(path).headers["etag"] == before.headers["etag"])
            // The last part fails, because the new name is taken.
            let other = path.replacingOccurrences(of: "vol-1", with: "vol-2")
            #expect(try await server.put(other, #"{"size":"1MiB"}"#).status == 201)
            let taken = try await server.patch(
                path,
                #"{"metadata":{"a":null,"c":"1"},"disableFeatures":["fast-diff"],"name":"vol-2"}"#
            ).problem
            #expect(taken.code == "image-exists")
            #expect(taken.field == "name")
            #expect(try await server.get(path).headers["etag"] == before.headers["etag"])
            #expect(try await TestCluster.run("rbd", ["image-meta", "get", spec, "a"]) == "1\n")
        }
    }

    @Test func limitsAreSetAndTakenAway() async throws {
        try await withImage { server, path, spec in
            let set = try await server.patch(
                path,
                #"{"qos":{"iopsLimit":1000,"iopsBurst":2000,"bpsLimit":"100MiB","readBpsBurstSeconds":5}}"#
            )
            #expect(set.status == 200, "\(set.text)")
            let image = try set.decoded(as: Image.self)
            #expect(
                image.qos?.values == [
                    .iopsLimit: 1000, .iopsBurst: 2000, .bpsLimit: 100 << 20, .readBpsBurstSeconds: 5,
                ]
            )
            #expect(image.metadata == [:])
            let options = try await TestCluster.run("rbd", ["config", "image", "list", spec])
            for option in ["rbd_qos_iops_limit", "rbd_qos_bps_limit", "rbd_qos_read_bps_burst_seconds"]
            // Ceph 14 does not know the last of these options.
            where options.contains("_burst_seconds ") || !option.hasSuffix("_seconds") {
                let line = options.split(separator: "\n").first { $0.contains("\(option) ") }
                #expect(line?.contains("image") == true, "\(option)")
            }
            for (body, field) in [
                (#"{"qos":{"iopsBurst":500}}"#, "qos.iopsBurst"), (#"{"qos":{"iopsLimit":3000}}"#, "qos.iopsBurst"),
                (#"{"qos":{"iopsBurstSeconds":0}}"#, "qos.iopsBurstSeconds"),
                (#"{"qos":{"bpsLimit":"1GB"}}"#, "qos.bpsLimit"),
            ] {
                let refused = try await server.patch(path, body).problem
                #expect(refused.code == "invalid-qos")
                #expect(refused.field == field)
            }
            #expect(try await server.patch(path, #"{"qos":{"iops":1}}"#).problem.field == "qos.iops")
            let less = try await server.patch(path, #"{"qos":{"iopsBurst":null,"bpsLimit":0}}"#)
            #expect(
                try less.decoded(as: Image.self).qos?.values == [
                    .iopsLimit: 1000, .bpsLimit: 0, .readBpsBurstSeconds: 5,
                ]
            )
            let none = try await server.patch(path, #"{"qos":null}"#)
            #expect(try none.decoded(as: Image.self).qos?.values == [:])
            #expect(try await TestCluster.run("rbd", ["image-meta", "list", spec]).contains("qos") == false)
        }
    }

    // MARK: Entity tags

    @Test func entityTagsGuardAgainstWhatWasNotSeen() async throws {
        try await withImage { server, path, spec in
            let first = try await server.get(path)
            let tag = try #require(first.headers["etag"])
            let again = try await server.put(path, #"{"size":"16MiB"}"#)
            #expect(again.status == 200)
            #expect(again.headers["etag"] == tag)
            #expect(try await server.get("\(path)?fields=usage").headers["etag"] == tag)
            let unchanged = try await server.send("GET", path, headers: ["If-None-Match": "\"other\", W/\(tag)"])
            #expect(unchanged.status == 304)
            #expect(unchanged.body.isEmpty)
            #expect(unchanged.headers["etag"] == tag)

            // Another program changes the image.
            try await TestCluster.run("rbd", ["resize", "--no-progress", "--size", "32M", spec])
            let changed = try await server.send("GET", path, headers: ["If-None-Match": tag])
            #expect(changed.status == 200)
            let newTag = try #require(changed.headers["etag"])
            #expect(newTag != tag)
            let json = ["Content-Type": "application/json"]
            let stale = json.merging(["If-Match": tag]) { $1 }
            for (method, query, body) in [
                ("PATCH", "", #"{"size":"64MiB"}"#), ("PATCH", "?dryRun=true", #"{"size":"64MiB"}"#),
                ("PUT", "", #"{"size":"32MiB"}"#), ("PUT", "?dryRun=true", #"{"size":"32MiB"}"#),
                ("DELETE", "", ""), ("DELETE", "?purge=true", ""), ("DELETE", "?dryRun=true", ""),
            ] {
                let refused = try await server.send(
                    method,
                    path + query,
                    body: body.isEmpty ? nil : body,
                    headers: stale
                ).problem
                #expect(refused.code == "precondition-failed", "\(method)\(query)")
                #expect(refused.status == 412)
                #expect(refused.field == "If-Match")
            }
            let onlyNew = json.merging(["If-None-Match": "*"]) { $1 }
            let exists = try await server.send("PUT", path, body: #"{"size":"32MiB"}"#, headers: onlyNew)
            #expect(try exists.problem.field == "If-None-Match")
            let other = path.replacingOccurrences(of: "vol-1", with: "vol-2")
            let fresh = try await server.send("PUT", other, body: #"{"size":"32MiB"}"#, headers: onlyNew)
            #expect(fresh.status == 201)
            let missing = path.replacingOccurrences(of: "vol-1", with: "vol-3")
            let wanted = json.merging(["If-Match": "*"]) { $1 }
            let absent = try await server.send("PUT", missing, body: #"{"size":"32MiB"}"#, headers: wanted)
            #expect(try absent.problem.code == "precondition-failed")
            let malformed = try await server.send("DELETE", path, headers: ["If-Match": "abc"]).problem
            #expect(malformed.code == "invalid-parameter")

            let current = json.merging(["If-Match": newTag]) { $1 }
            let grown = try await server.send("PATCH", path, body: #"{"size":"64MiB"}"#, headers: current)
            #expect(grown.status == 200)
            let last = try #require(grown.headers["etag"])
            #expect(last == (try await server.get(path)).headers["etag"])
            #expect(try await server.send("DELETE", path, headers: ["If-Match": last]).status == 200)
        }
    }

    // MARK: A full pool, an image with an operation

    @Test func aFullPoolIsTold() async throws {
        try await withImage { server, path, spec in
            let pool = spec.split(separator: "/").first.map(String.init) ?? ""
            try await TestCluster.run("ceph", ["osd", "pool", "set-quota", pool, "max_objects", "1"])
            // A larger image needs a larger object map.
            var size = 64
            while try await server.patch(path, #"{"size":"\#(size)MiB"}"#).status != 507 {
                size += 64
                try await Task.sleep(for: .milliseconds(200))
            }
            let before = try await server.get(path)
            for query in ["", "?dryRun=true"] {
                let full = try await server.patch(path + query, #"{"size":"1TiB","metadata":{"c":"d"}}"#).problem
                #expect(full.code == "pool-full")
                #expect(full.hint == "ceph osd pool set-quota \(pool) max_objects 2")
            }
            #expect(try await server.get(path).text == before.text)
            // Changes that need no space still work.
            #expect(try await server.patch(path, #"{"metadata":{"c":"d"}}"#).status == 200)
            #expect(
                try plan(try await server.patch("\(path)?dryRun=true", #"{"metadata":{"c":"e"}}"#)) == ["set-metadata"]
            )
            try await TestCluster.run("ceph", ["osd", "pool", "set-quota", pool, "max_objects", "0"])
        }
    }
}
