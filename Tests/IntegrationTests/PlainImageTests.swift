// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import TestSupport
import Testing

/// Images that the service creates object by object are identical to those of librbd.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable))
struct PlainImageTests {
    /// All objects of an image, with `ID` in place of its id.
    private struct Objects: Equatable {
        /// The data of each object.
        var data: [String: Data] = [:]
        /// The values of each object's omap.
        var values: [String: [String: Data]] = [:]
        var attributes: [String: String] = [:]
        var directory: [String: Data] = [:]

        init(of name: String, id: String, pool: String, namespace: String) async throws {
            let all = try await TestCluster.run("rados", ["--pool", pool, "--namespace", namespace, "ls"])
            for object in all.split(separator: "\n").map(String.init)
            where object.contains(id) || object == "rbd_id.\(name)" {
                let key = object.replacing(id, with: "ID").replacing(name, with: "NAME")
                data[key] = masked(try await TestCluster.data(of: object, pool: pool, namespace: namespace), id)
                values[key] = try await TestCluster.values(of: object, pool: pool, namespace: namespace)
                    .mapValues { masked($0, id) }
                // The time of creation: eight bytes, the only ones that may differ.
                for time in ["create_timestamp", "access_timestamp", "modify_timestamp"] {
                    if let value = values[key]?[time] { values[key]?[time] = Data(count: value.count) }
                }
                attributes[key] = try await TestCluster.run(
                    "rados",
                    ["--pool", pool, "--namespace", namespace, "listxattr", object]
                )
            }
            let entries = try await TestCluster.values(of: "rbd_directory", pool: pool, namespace: namespace)
            for key in ["name_\(name)", "id_\(id)"] {
                directory[key.replacing(id, with: "ID").replacing(name, with: "NAME")] = entries[key].map {
                    masked($0, id, name)
                }
            }
        }

        /// Replaces the texts. The ids and names of two images may have different lengths, so the length before each is
        /// removed as well.
        private func masked(_ data: Data, _ texts: String...) -> Data {
            guard data.count >= 4 else { return data }
            var text = String(decoding: data.dropFirst(4), as: UTF8.self)
            guard texts.contains(where: text.contains) else { return data }
            for mask in texts { text.replace(mask, with: "TEXT") }
            return Data(text.utf8)
        }
    }

    private struct Kind: CustomTestStringConvertible {
        var size: UInt64
        var features: ImageFeatures?
        var order: UInt8?

        var testDescription: String { "\(size) bytes, \(features?.names ?? ["default"]), \(order ?? 0)" }

        /// The arguments for `rbd create`.
        var arguments: [String] {
            var arguments = ["--size", "\(size)B"]
            if let features { arguments += ["--image-feature", features.names.joined(separator: ",")] }
            if let order { arguments += ["--object-size", "\(1 << UInt64(order))B"] }
            return arguments
        }
    }

    private static let all: ImageFeatures = [.layering, .exclusiveLock, .objectMap, .fastDiff, .deepFlatten]

    private static let kinds = [
        Kind(size: 0),
        Kind(size: 1),
        Kind(size: 4 << 20),
        Kind(size: (4 << 20) + 1, features: [.layering]),
        Kind(size: 10_000_019, features: [.layering, .exclusiveLock], order: 12),
        Kind(size: 1 << 40, features: all, order: 25),
        // librbd adds fast-diff.
        Kind(size: 1 << 30, features: [.exclusiveLock, .objectMap], order: 20),
        Kind(size: 1 << 50, features: [.deepFlatten]),
    ]

    @Test(.timeLimit(.minutes(5)), arguments: ["", "tenant"])
    func objectForObjectWhatLibrbdMakes(namespace: String) async throws {
        try await TestCluster.withPool { name, cluster in
            if !namespace.isEmpty { try await TestCluster.run("rbd", ["namespace", "create", "\(name)/\(namespace)"]) }
            let pool = cluster.pool(name, namespace: namespace)
            for (number, kind) in Self.kinds.enumerated() {
                let (ours, theirs) = ("ours-\(number)", "librbds-\(number)")
                let place = namespace.isEmpty ? name : "\(name)/\(namespace)"
                try await TestCluster.run("rbd", ["create", "--no-progress"] + kind.arguments + ["\(place)/\(theirs)"])
                let options = ImageOptions(features: kind.features, objectOrder: kind.order)
                let image = try await pool.createImage(named: ours, sizeBytes: kind.size, options: options)
                // librbd's ids are usually shorter.
                #expect(image.id.count == 14)
                let id = try await pool.image(named: theirs).id
                let expected = try await Objects(of: theirs, id: id, pool: name, namespace: namespace)
                let made = try await Objects(of: ours, id: image.id, pool: name, namespace: namespace)
                #expect(expected.data.count == (image.features.contains(.objectMap) ? 3 : 2))
                #expect(expected.directory.count == 2)
                #expect(made == expected, "\(kind.testDescription)")
            }
        }
    }

    @Test func optionsOfCephCountAsTheyDoForLibrbd() async throws {
        try await TestCluster.withPool { name, cluster in
            // The client's default features.
            var configuration = try await TestCluster.configuration
            configuration.options["rbd_default_features"] = "layering,exclusive-lock"
            configuration.options["rbd_default_order"] = "20"
            let other = try await Cluster.connect(configuration)
            let image = try await other.pool(name).createImage(named: "client", sizeBytes: 1 << 30)
            #expect(image.features == [.layering, .exclusiveLock])
            #expect(image.objectSizeBytes == 1 << 20)
            // The pool's default features, which override those of the client.
            try await TestCluster.run("rbd", ["config", "pool", "set", name, "rbd_default_features", "1"])
            try await TestCluster.run("rbd", ["config", "pool", "set", name, "rbd_default_order", "21"])
            for (number, cluster) in [cluster, other].enumerated() {
                let image = try await cluster.pool(name).createImage(named: "pool-\(number)", sizeBytes: 1 << 30)
                #expect(image.features == .layering)
                #expect(image.objectSizeBytes == 1 << 21)
            }
        }
    }

    @Test func nobodyElsesNameIsTaken() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            func code(_ body: () async throws -> ImageInfo) async -> CephError.Code? {
                await #expect(throws: CephError.self) { _ = try await body() }?.code
            }
            // The pool is new: its directory does not exist yet.
            try await TestCluster.putFormat1Image(named: "old", sizeBytes: 1 << 30, into: name)
            #expect(await code { try await pool.createImage(named: "old", sizeBytes: 1) } == .imageExists)
            let image = try await pool.createImage(named: "new", sizeBytes: 1)
            #expect(await code { try await pool.createImage(named: "new", sizeBytes: 1) } == .imageExists)
            #expect(try await pool.image(named: "new") == image)
            let names = try await TestCluster.run("rbd", ["ls", name]).split(separator: "\n").map(String.init)
            #expect(names.sorted() == ["new", "old"])
            let missing = cluster.pool(name, namespace: "missing")
            #expect(await code { try await missing.createImage(named: "new", sizeBytes: 1) } == .namespaceNotFound)
            let objects = try await TestCluster.run("rados", ["--pool", name, "--namespace", "missing", "ls"])
            #expect(objects.isEmpty)
        }
    }

    /// Uses a key that may write only the first objects of a create, so that the create fails in the middle.
    @Test(arguments: [["rbd_directory"], ["rbd_directory", "rbd_id."], ["rbd_directory", "rbd_id.", "rbd_header."]])
    func nothingStaysOfACreateThatFails(writable: [String]) async throws {
        try await TestCluster.withPool { name, cluster in
            _ = try await cluster.pool(name).createImage(named: "first", sizeBytes: 1 << 20)
            let before = try await TestCluster.run("rados", ["--pool", name, "ls"])
            let user = TestCluster.uniqueName("client.narrow")
            let keyring = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keyring").path
            let caps =
                ["allow r class-read pool=\(name)"]
                + writable.map { "allow rwx pool=\(name) object_prefix \($0)" }
            try await TestCluster.run(
                "ceph",
                [
                    "auth", "get-or-create", user, "mon", "profile rbd", "osd", caps.joined(separator: ","), "-o",
                    keyring,
                ]
            )
            var configuration = try await TestCluster.configuration
            configuration.user = String(user.dropFirst("client.".count))
            configuration.keyring = keyring
            let narrow = try await Cluster.connect(configuration)
            let error = await #expect(throws: CephError.self) {
                try await narrow.pool(name).createImage(named: "second", sizeBytes: 1 << 20)
            }
            #expect(error?.code == .credentialsRefused)
            #expect(try await TestCluster.run("rados", ["--pool", name, "ls"]) == before)
            #expect(try await TestCluster.run("rbd", ["ls", name]) == "first\n")
            // The name is free again.
            _ = try await cluster.pool(name).createImage(named: "second", sizeBytes: 1 << 20)
            try await TestCluster.run("ceph", ["auth", "del", user])
            try FileManager.default.removeItem(atPath: keyring)
        }
    }
}
