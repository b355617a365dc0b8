// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// A copy has the same data as its source: in each layout, at each snapshot, and for each ancestor.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct CopyTests {
    @discardableResult
    private func rbd(_ arguments: String...) async throws -> String {
        try await TestCluster.run("rbd", arguments)
    }

    /// Writes nonzero bytes at some places.
    private func write(_ spec: String, count: Int, seed: Int) async throws {
        // `rbd bench` fills its data with one byte, which can't be chosen. The places can be chosen.
        try await rbd(
            "bench",
            "--io-type",
            "write",
            "--io-pattern",
            "rand",
            "--io-size",
            "\(4096 << (seed % 5))",
            "--io-total",
            "\(count * 4096 << (seed % 5))",
            spec
        )
    }

    enum Layout: String, CaseIterable {
        case plain, small, large, striped, withoutMaps, journaled

        var options: [String] {
            switch self {
            case .plain: []
            case .small: ["--object-size", "64K"]
            case .large: ["--object-size", "32M"]
            case .striped: ["--stripe-unit", "64K", "--stripe-count", "3"]
            case .withoutMaps: ["--image-feature", "layering"]
            case .journaled: ["--image-feature", "layering,exclusive-lock,journaling"]
            }
        }
    }

    /// A history with everything that a list of changes may get wrong: data of the parent that a shrink hides and a
    /// growth does not show again, and data that is discarded, overwritten and flattened.
    @Test(arguments: Layout.allCases)
    func everyState(_ layout: Layout) async throws {
        try await TestCluster.withPool { pool, _ in
            let (parent, image) = ("\(pool)/parent", "\(pool)/image")
            _ = try await TestCluster.run("rbd", ["create", parent, "--size", "41M"] + layout.options)
            try await write(parent, count: 60, seed: 1)
            try await rbd("snap", "create", "\(parent)@base")
            try await rbd("snap", "protect", "\(parent)@base")
            let clone = ["clone", "\(parent)@base", image] + layout.options
            _ = try await TestCluster.run("rbd", clone)
            try await rbd("image-meta", "set", image, "owner", "somebody")
            try await rbd("snap", "create", "\(image)@1")
            try await write(image, count: 20, seed: 2)
            try await rbd("snap", "create", "\(image)@2")
            try await rbd("resize", "--no-progress", "--allow-shrink", "--size", "10M", image)
            try await rbd("snap", "create", "\(image)@3")
            try await rbd("snap", "protect", "\(image)@3")
            try await rbd("resize", "--no-progress", "--size", "37M", image)
            try await write(image, count: 5, seed: 3)
            try await rbd("snap", "create", "\(image)@4")
            try await rbd("resize", "--no-progress", "--allow-shrink", "--size", "5M", image)
            try await rbd("resize", "--no-progress", "--size", "50M", image)
            try await rbd("snap", "create", "\(image)@5")
            try await rbd("flatten", "--no-progress", image)
            try await write(image, count: 30, seed: 4)

            try await TestServer.withCluster { server in
                let path = "/v1/pools/\(pool)/images/image/copy?wait=120s"
                let copied = try await server.post(path, #"{"name":"copy"}"#)
                #expect(copied.status == 200, "\(copied.text)")
                #expect(try await TestCluster.checksum("\(pool)/copy") == TestCluster.checksum(image))
                for state in 1...5 {
                    let answer = try await server.post(path, #"{"name":"copy-\#(state)","snapshot":"\#(state)"}"#)
                    #expect(answer.status == 200, "\(answer.text)")
                    #expect(
                        try await TestCluster.checksum("\(pool)/copy-\(state)")
                            == TestCluster.checksum("\(image)@\(state)"),
                        "state \(state)"
                    )
                }
                let deep = try await server.post(path, #"{"name":"deep","withSnapshots":true}"#)
                #expect(deep.status == 200, "\(deep.text)")
                #expect(try await TestCluster.checksum("\(pool)/deep") == TestCluster.checksum(image))
                for state in 1...5 {
                    #expect(
                        try await TestCluster.checksum("\(pool)/deep@\(state)")
                            == TestCluster.checksum("\(image)@\(state)"),
                        "state \(state) of the deep copy"
                    )
                }
                let one = try await server.get("/v1/pools/\(pool)/images/image").decoded(as: Image.self)
                for name in ["copy", "deep", "copy-2"] {
                    let other = try await server.get("/v1/pools/\(pool)/images/\(name)")
                        .decoded(as: Image.self)
                    #expect(other.parent == nil)
                    #expect(try await rbd("image-meta", "get", "\(pool)/\(name)", "owner") == "somebody\n")
                    #expect(other.features == one.features)
                    #expect(other.objectSizeBytes == one.objectSizeBytes)
                    #expect(other.stripeUnitBytes == one.stripeUnitBytes)
                    #expect(other.stripeCount == one.stripeCount)
                }
                let snapshots = try await server.get("/v1/pools/\(pool)/images/deep/snapshots")
                    .decoded(as: ImageSnapshots.self).items
                #expect(snapshots.map(\.name) == ["1", "2", "3", "4", "5"])
                #expect(snapshots.filter { $0.protected }.map(\.name) == ["3"])
                #expect(try await rbd("snap", "ls", image).split(separator: "\n").count == 6)
            }
        }
    }

    private func dataObjects(_ name: String, in pool: String) async throws -> Int {
        let id = try await TestCluster.connect().pool(pool).image(named: name).id
        return try await TestCluster.run("rados", ["--pool", pool, "ls"]).split(separator: "\n")
            .count { $0.hasPrefix("rbd_data.\(id).") }
    }

    /// Holes take no space in the copy: neither parts that were never written, nor parts in which the parent is no
    /// longer visible.
    @Test func holesStayHoles() async throws {
        try await TestCluster.withPool { pool, _ in
            try await rbd("create", "\(pool)/parent", "--size", "1G")
            try await rbd("bench", "--io-type", "write", "--io-size", "4K", "--io-total", "8K", "\(pool)/parent")
            try await rbd("snap", "create", "\(pool)/parent@base")
            try await rbd("clone", "--rbd-default-clone-format", "2", "\(pool)/parent@base", "\(pool)/image")
            try await rbd("snap", "create", "\(pool)/image@1")
            try await rbd("flatten", "--no-progress", "\(pool)/image")
            try await TestServer.withCluster { server in
                let images = "/v1/pools/\(pool)/images"
                for body in [#"{"name":"copy"}"#, #"{"name":"deep","withSnapshots":true}"#] {
                    let answer = try await server.post("\(images)/image/copy?wait=60s", body)
                    #expect(answer.status == 200, "\(answer.text)")
                }
            }
            let most = try await dataObjects("image", in: pool)
            #expect((1...2).contains(most))
            for name in ["copy", "deep"] { #expect(try await dataObjects(name, in: pool) == most, "\(name)") }
        }
    }

    /// A cancelled copy stops at once, and not after all the data.
    @Test func aCopyIsCancelled() async throws {
        try await TestCluster.withPool { pool, _ in
            try await rbd("create", "\(pool)/image", "--size", "512M")
            try await rbd(
                "bench",
                "--io-type",
                "write",
                "--io-size",
                "4M",
                "--io-total",
                "2G",
                "\(pool)/image"
            )
            try await TestServer.withCluster { server in
                let images = "/v1/pools/\(pool)/images"
                for body in [#"{"name":"copy"}"#, #"{"name":"copy","withSnapshots":true}"#] {
                    let id = try await server.post("\(images)/image/copy", body).decoded(as: RBDAPI.Operation.self).id
                    var last: RBDAPI.Operation
                    repeat { last = try await server.get("/v1/operations/\(id)").decoded() } while last.percent < 2
                    #expect(try await server.delete("/v1/operations/\(id)").status == 202)
                    repeat {
                        last = try await server.get("/v1/operations/\(id)?wait=10s").decoded()
                    } while !last.state.isFinished
                    #expect(last.state == .cancelled)
                    #expect(last.percent < 90)
                    #expect(try await server.get("\(images)/copy").status == 404)
                }
            }
        }
    }
}
