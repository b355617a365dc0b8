// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// The remains of a daemon that was killed in the middle of a create or a delete. The tests remove the parts of a whole
/// image that the killed daemon would not have made, or kill a daemon.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable))
struct RepairTests {
    /// Runs a service that cleans up the remains of a create two seconds after it has first seen them.
    private func withServer(
        _ body: @escaping @Sendable (_ server: TestServer, _ images: String, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster(change: { $0.remnantPatience = .seconds(2) }) { server in
            try await TestCluster.withPool { pool, _ in try await body(server, "/v1/pools/\(pool)/images", pool) }
        }
    }

    private func rados(_ pool: String, _ arguments: String...) async throws -> String {
        try await TestCluster.run("rados", ["--pool", pool] + arguments)
    }

    /// The objects of the pool that belong to images.
    private func objects(_ pool: String) async throws -> Set<String> {
        Set(try await rados(pool, "ls").split(separator: "\n").map(String.init))
            .subtracting(["rbd_directory", "rbd_info", "rbd_trash", "rbd_object_map", "rbd_rest_api.operations"])
    }

    private let size = #"{"size":"1GiB"}"#

    /// The states that a killed create leaves: only the entry in the directory, or the name's object too.
    @Test(arguments: [["rbd_header", "rbd_object_map", "rbd_id"], ["rbd_header", "rbd_object_map"]])
    func aRepeatedPutFinishesAnInterruptedCreate(missing: [String]) async throws {
        try await withServer { server, images, pool in
            for method in ["PUT", "POST"] {
                let name = "vol-\(method)"
                let made = try await server.put("\(images)/\(name)", size)
                let id = try made.decoded(as: RBDAPI.Image.self).id
                for object in missing {
                    _ = try await rados(pool, "rm", "\(object).\(object == "rbd_id" ? name : id)")
                }
                #expect(try await server.get("\(images)/\(name)").problem.code == "image-incomplete")
                let listed = try await server.get(images).decoded(as: Page<RBDAPI.Image>.self).items
                let row = try #require(listed.first { $0.name == name })
                #expect(row.state == "incomplete")
                #expect(row.problem?.code == "image-incomplete")
                #expect(row.sizeBytes == nil)

                var answer: TestServer.Answer
                var refusals = 0
                repeat {
                    answer =
                        method == "PUT"
                        ? try await server.put("\(images)/\(name)", size)
                        : try await server.post(images, #"{"name":"\#(name)","size":"1GiB"}"#)
                    guard answer.status != 201 else { break }
                    let problem = try answer.problem
                    #expect(problem.code == "image-incomplete")
                    #expect(problem.retryable)
                    #expect(answer.headers["retry-after"] != nil)
                    refusals += 1
                    try await Task.sleep(for: .milliseconds(200))
                } while refusals < 100
                #expect(answer.status == 201)
                // At first, the create might still be running, so the remains are left alone.
                #expect(refusals > 0)
                let image = try await server.get("\(images)/\(name)").decoded(as: RBDAPI.Image.self)
                #expect(image.id != id)
                #expect(
                    try await objects(pool).filter { $0.hasSuffix(".\(name)") || $0.hasSuffix(image.id) }.sorted()
                        == ["rbd_header.\(image.id)", "rbd_id.\(name)", "rbd_object_map.\(image.id)"]
                )
                #expect(try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").contains { $0 == name })
            }
        }
    }

    @Test func deleteClearsAnInterruptedCreateAway() async throws {
        try await withServer { server, images, pool in
            let id = try await server.put("\(images)/vol-1", size).decoded(as: RBDAPI.Image.self).id
            _ = try await rados(pool, "rm", "rbd_header.\(id)")
            _ = try await rados(pool, "rm", "rbd_object_map.\(id)")
            #expect(try await server.delete("\(images)/vol-1").problem.code == "image-incomplete")
            // The remains are also kept until it is known that there is no data, which may take longer than the
            // patience.
            try await Task.sleep(for: .seconds(2))
            while true {
                let answer = try await server.delete("\(images)/vol-1")
                if answer.status == 204 { break }
                #expect(try answer.problem.code == "image-incomplete")
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await objects(pool).isEmpty)
            #expect(try await server.delete("\(images)/vol-1").status == 404)
        }
    }

    @Test func aCreateInTheMakingElsewhereIsWaitedFor() async throws {
        try await withServer { server, images, pool in
            let id = try await server.put("\(images)/vol-1", size).decoded(as: RBDAPI.Image.self).id
            // The other create writes the header slowly.
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
            defer { try? FileManager.default.removeItem(atPath: file) }
            let keys = try await rados(pool, "listomapkeys", "rbd_header.\(id)").split(separator: "\n").map(String.init)
            var values: [(String, String)] = []
            for key in keys {
                _ = try await rados(pool, "getomapval", "rbd_header.\(id)", key, "\(file).\(key)")
                values.append((key, "\(file).\(key)"))
            }
            defer { for (_, path) in values { try? FileManager.default.removeItem(atPath: path) } }
            _ = try await rados(pool, "rm", "rbd_header.\(id)")
            async let answer = server.put("\(images)/vol-1", size)
            for (key, path) in values {
                let value = try Data(contentsOf: URL(fileURLWithPath: path))
                try await TestCluster.setValue(value, of: key, in: "rbd_header.\(id)", pool: pool)
            }
            #expect([200, 409].contains(try await answer.status))
            // Whatever the answer was, the other client's image exists.
            #expect(try await server.get("\(images)/vol-1").decoded(as: RBDAPI.Image.self).id == id)
            #expect(try await server.put("\(images)/vol-1", size).status == 200)
        }
    }

    @Test func aMissingObjectMapIsMade() async throws {
        try await withServer { server, images, pool in
            for (name, body) in [
                ("plain", #"{"size":"1GiB"}"#),
                (
                    "striped",
                    #"{"size":"10MiB","objectSize":"1MiB","stripeUnit":"64KiB","stripeCount":4,"features":"#
                        + #"["layering","striping","exclusive-lock","object-map","fast-diff"]}"#
                ),
            ] {
                let id = try await server.put("\(images)/\(name)", body).decoded(as: RBDAPI.Image.self).id
                let before = try await TestCluster.run("rados", ["--pool", pool, "stat", "rbd_object_map.\(id)"])
                _ = try await rados(pool, "rm", "rbd_object_map.\(id)")
                #expect(try await server.put("\(images)/\(name)", body).status == 200)
                let after = try await TestCluster.run("rados", ["--pool", pool, "stat", "rbd_object_map.\(id)"])
                // The new object map has the same length as librbd's.
                #expect(before.split(separator: " ").last == after.split(separator: " ").last)
                // librbd opens the image for writing without an error.
                let spec = "\(pool)/\(name)"
                try await TestCluster.run("rbd", ["bench", "--io-type", "write", "--io-total", "64K", spec])
                #expect(try await TestCluster.run("rbd", ["info", spec]).contains("flags: \n"))
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func anInterruptedRemovalIsShownAndTakenUpAgain() async throws {
        try await withServer { server, images, pool in
            // Without an object map, the removal tries every object, whether it exists or not. That takes a while.
            let body = #"{"size":"1TiB","features":["layering"]}"#
            let id = try await server.put("\(images)/big", body).decoded(as: RBDAPI.Image.self).id
            #expect(try await server.put("\(images)/whole", #"{"size":"1GiB"}"#).status == 201)
            let removal = try RunningProcess(
                TestCluster.tool("rbd"),
                ["--conf", TestCluster.configFile, "rm", "--no-progress", "\(pool)/big"]
            )
            while try await server.get("\(images)/big").status != 404 { try await Task.sleep(for: .milliseconds(50)) }
            // From here on, the removal works on the objects. In between, it had no watch, and so counted as dead.
            while try await !TestCluster.run("rados", ["-p", pool, "listwatchers", "rbd_header.\(id)"])
                .contains("watcher=")
            { try await Task.sleep(for: .milliseconds(20)) }
            removal.signal(SIGKILL)
            _ = await removal.finish()

            let listed = try await server.get(images).decoded(as: Page<RBDAPI.Image>.self).items
            #expect(listed.map(\.name) == ["big", "whole"])
            #expect(listed.map(\.state) == ["removing", "ready"])
            // The name is already free. The removal continues, not the deletion of another image with this name.
            #expect(try await server.put("\(images)/big", #"{"size":"1GiB"}"#).status == 201)
            let twice = try await server.get("\(images)?prefix=big").decoded(as: Page<RBDAPI.Image>.self).items
            #expect(twice.map(\.state).sorted() == ["ready", "removing"])
            #expect(try await server.delete("\(images)/big").status == 200)
            let plan = try await server.delete("\(images)/big?dryRun=true").decoded(as: Plan.self)
            #expect(plan.steps.map(\.action.rawValue) == ["purge-image"])
            let answer = try await server.delete("\(images)/big")
            #expect(answer.status == 202)
            // The dead client counts as a watcher for up to 30 seconds.
            let operation = try answer.decoded(as: RBDAPI.Operation.self)
            #expect(operation.imageID == id)
            var last = operation
            while !last.state.isFinished {
                last = try await server.get("/v1/operations/\(operation.id)?wait=10s").decoded()
            }
            #expect(last.state == .succeeded, "\(last)")
            #expect(try await server.delete("\(images)/big").status == 404)
            let left = try await server.get(images).decoded(as: Page<RBDAPI.Image>.self).items
            #expect(left.map(\.name) == ["whole"])
            // The removal concerned the image that was being removed, not the other image with its name, which can be
            // restored.
            let trash = try await server.get("/v1/pools/\(pool)/trash").decoded(as: Page<RBDAPI.TrashedImage>.self)
                .items
            #expect(trash.map(\.name) == ["big"])
            #expect(trash.map(\.state) == ["trashed"])
        }
    }
}
