// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import TestSupport
import Testing

/// Headers without a name: some are removed, others are kept. `dev/chaos --scenario late-creates` rehearses how creates
/// leave them behind when an OSD is slow.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct NamelessHeaderTests {
    private func rados(_ pool: String, _ arguments: String...) async throws -> String {
        try await TestCluster.run("rados", ["--pool", pool] + arguments)
    }

    private func objects(_ pool: String) async throws -> Set<String> {
        Set(try await rados(pool, "ls").split(separator: "\n").map(String.init))
    }

    /// Creates an image with `rbd`, so that its id is one of librbd's.
    private func makeImage(_ name: String, in pool: String) async throws -> String {
        _ = try await TestCluster.run("rbd", ["create", "\(pool)/\(name)", "--size", "64M"])
        return try await rados(pool, "get", "rbd_id.\(name)", "-").dropFirst(4).description
    }

    private func takeName(_ name: String, _ id: String, in pool: String) async throws {
        _ = try await rados(pool, "rm", "rbd_id.\(name)")
        _ = try await rados(pool, "rmomapkey", "rbd_directory", "name_\(name)")
        _ = try await rados(pool, "rmomapkey", "rbd_directory", "id_\(id)")
    }

    private func sweep(_ id: String, in pool: String) async throws -> [String] {
        let cluster = try await TestCluster.connect()
        let threads = cluster.threads(for: ThreadPurpose("test", .init(threads: 1, queue: 4, replacements: 0)))
        return try await cluster.pool(pool).removeNamelessHeaders(idPrefix: id, call: LongCall(), on: threads)
    }

    @Test func whatIsProvenToBeARemnantIsRemoved() async throws {
        try await TestCluster.withPool { pool, _ in
            let neighbour = try await makeImage("neighbour", in: pool)
            let header = try await makeImage("header", in: pool)
            let map = try await makeImage("map", in: pool)
            try await takeName("header", header, in: pool)
            try await takeName("map", map, in: pool)
            // This is what an interrupted create leaves: the object map comes after the header.
            _ = try await rados(pool, "rm", "rbd_object_map.\(header)")
            _ = try await rados(pool, "rm", "rbd_header.\(map)")
            #expect(try await sweep(neighbour, in: pool) == [])
            #expect(try await sweep(header, in: pool) == [header])
            #expect(try await sweep(map, in: pool) == [map])
            let left = try await objects(pool)
            #expect(left.isDisjoint(with: ["rbd_header.\(header)", "rbd_object_map.\(map)"]))
            #expect(
                left.isSuperset(of: ["rbd_header.\(neighbour)", "rbd_object_map.\(neighbour)", "rbd_id.neighbour"])
            )
            #expect(try await TestCluster.run("rbd", ["ls", pool]) == "neighbour\n")
        }
    }

    /// Images that may still be needed. Each has lost its name, except the one in the trash.
    enum Image: String, CaseIterable {
        case hasData, hasSnapshot, hadSnapshot, hasObjectMap, isClone, isInGroup, isInTrash, hasName
    }

    @Test(arguments: Image.allCases)
    func whatMayBeOfUseIsLetAlone(_ image: Image) async throws {
        try await TestCluster.withPool { pool, _ in
            let name = image.rawValue
            var id = image == .isClone ? "" : try await makeImage(name, in: pool)
            switch image {
            case .hasData:
                let write = ["bench", "\(pool)/\(name)", "--io-type", "write", "--io-size", "4K", "--io-total", "8K"]
                _ = try await TestCluster.run("rbd", write)
            case .hasSnapshot, .hadSnapshot:
                _ = try await TestCluster.run("rbd", ["snap", "create", "\(pool)/\(name)@s"])
                if image == .hadSnapshot { _ = try await TestCluster.run("rbd", ["snap", "rm", "\(pool)/\(name)@s"]) }
            case .isClone:
                _ = try await makeImage("parent", in: pool)
                _ = try await TestCluster.run("rbd", ["snap", "create", "\(pool)/parent@s"])
                let clone = ["clone", "\(pool)/parent@s", "\(pool)/\(name)", "--rbd-default-clone-format", "2"]
                _ = try await TestCluster.run("rbd", clone)
                id = try await rados(pool, "get", "rbd_id.\(name)", "-").dropFirst(4).description
            case .isInGroup:
                _ = try await TestCluster.run("rbd", ["group", "create", "\(pool)/g"])
                _ = try await TestCluster.run("rbd", ["group", "image", "add", "\(pool)/g", "\(pool)/\(name)"])
            case .isInTrash: _ = try await TestCluster.run("rbd", ["trash", "mv", "\(pool)/\(name)"])
            case .hasObjectMap, .hasName: break
            }
            if image != .isInTrash, image != .hasName { try await takeName(name, id, in: pool) }
            if image != .hasObjectMap { _ = try? await rados(pool, "rm", "rbd_object_map.\(id)") }
            let before = try await objects(pool)
            #expect(before.contains("rbd_header.\(id)"))
            #expect(try await sweep(id, in: pool) == [])
            #expect(try await objects(pool) == before)
        }
    }
}
