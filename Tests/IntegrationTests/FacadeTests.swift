// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import TestSupport
import Testing

/// The façade, compared with `rbd` and `ceph`.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct FacadeTests {
    private struct RBDInfo: Decodable {
        var id: String
        var size: UInt64
        var objectSize: UInt64
        var features: [String]
        var dataPool: String?
        var stripeUnit: UInt64?
        var stripeCount: UInt64?
    }

    private func rbdInfo(_ spec: String) async throws -> RBDInfo {
        let json = try await TestCluster.run("rbd", ["info", "--format", "json", spec])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(RBDInfo.self, from: Data(json.utf8))
    }

    @Test(
        arguments: [
            (1, ImageOptions()),
            (10 << 30, ImageOptions()),
            (12_345_678_901, ImageOptions(features: .layering)),
            (1 << 40, ImageOptions(features: [.layering, .exclusiveLock, .objectMap, .fastDiff], objectOrder: 25)),
            (1 << 20, ImageOptions(features: [], objectOrder: 12)),
            (5 << 20, ImageOptions(objectOrder: 22, stripeUnitBytes: 65_536, stripeCount: 16)),
        ] as [(UInt64, ImageOptions)]
    )
    func imagesReadBackAsCreated(size: UInt64, options: ImageOptions) async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            let created = try await pool.createImage(named: "vol-1", sizeBytes: size, options: options)
            #expect(created.sizeBytes == size)
            if let features = options.features { #expect(created.features.subtracting(.striping) == features) }
            if let order = options.objectOrder { #expect(created.objectSizeBytes == 1 << UInt64(order)) }
            #expect(created.snapshotCount == 0)
            #expect(created.parent == nil)
            #expect(try #require(created.createdAt).timeIntervalSinceNow.magnitude < 120)
            #expect(try await pool.image(named: "vol-1") == created)

            let info = try await rbdInfo("\(name)/vol-1")
            #expect(info.id == created.id)
            #expect(info.size == created.sizeBytes)
            #expect(info.objectSize == created.objectSizeBytes)
            #expect(Set(info.features) == Set(created.features.names))
            if options.stripeCount != nil {
                #expect(info.stripeUnit == created.stripeUnitBytes)
                #expect(info.stripeCount == created.stripeCount)
            }
        }
    }

    @Test func dataPools() async throws {
        try await TestCluster.withPool { name, cluster in
            try await TestCluster.withPool { data, _ in
                let options = ImageOptions(dataPool: data)
                let image = try await cluster.pool(name).createImage(
                    named: "vol-1",
                    sizeBytes: 1 << 30,
                    options: options
                )
                #expect(image.dataPool == data)
                #expect(image.features.contains(.dataPool))
                #expect(try await rbdInfo("\(name)/vol-1").dataPool == data)
                try await cluster.pool(name).purge(try await cluster.pool(name).trashImage(named: "vol-1"))
            }
            // A missing data pool must not hide the pool's other images.
            var orphanedPool: Int64?
            try await TestCluster.withPool { data, _ in
                let options = ImageOptions(dataPool: data)
                _ = try await cluster.pool(name).createImage(named: "orphan", sizeBytes: 1 << 30, options: options)
                _ = try await cluster.pool(name).createImage(named: "sound", sizeBytes: 1 << 30)
                orphanedPool = try await cluster.poolInfo(named: data).id
            }
            let images = try await cluster.pool(name).images().images
            #expect(images.map(\.name) == ["orphan", "sound"])
            #expect(try images.first?.dataPool == "#\(#require(orphanedPool))")

            let options = ImageOptions(dataPool: "no-such-pool")
            let error = await #expect(throws: CephError.self) {
                try await cluster.pool(name).createImage(named: "vol-2", sizeBytes: 1, options: options)
            }
            #expect(error?.code == .dataPoolNotFound)
            #expect(try await cluster.pool(name).images().images.count == 2)
        }
    }

    @Test func snapshotsClonesAndNamespaces() async throws {
        try await TestCluster.withPool { name, cluster in
            try await TestCluster.run("rbd", ["namespace", "create", "\(name)/tenant"])
            _ = try await cluster.pool(name).createImage(named: "golden", sizeBytes: 1 << 30)
            try await TestCluster.run("rbd", ["snap", "create", "\(name)/golden@v1"])
            try await TestCluster.run(
                "rbd",
                ["clone", "--rbd-default-clone-format", "2", "\(name)/golden@v1", "\(name)/tenant/clone"]
            )
            #expect(try await cluster.pool(name).image(named: "golden").snapshotCount == 1)
            let clone = try await cluster.pool(name, namespace: "tenant").image(named: "clone")
            let parent = try #require(clone.parent)
            #expect(parent.pool == name)
            #expect(parent.namespace == "")
            #expect(parent.image == "golden")
            #expect(parent.snapshot == "v1")
            #expect(parent.overlapBytes == 1 << 30)
            // A parent in the trash keeps its name.
            try await TestCluster.run("rbd", ["trash", "mv", "\(name)/golden"])
            #expect(try await cluster.pool(name, namespace: "tenant").image(named: "clone").parent?.image == "golden")
            let error = await #expect(throws: CephError.self) {
                try await cluster.pool(name).imageID(named: "golden")
            }
            #expect(error?.code == .imageNotFound)
        }
    }

    @Test func aMissingNamespaceIsNotAnEmptyOne() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name, namespace: "nowhere")
            for call in [
                { _ = try await pool.images() },
                { _ = try await pool.image(named: "a") },
                { _ = try await pool.createImage(named: "a", sizeBytes: 1) },
                { try await pool.removeFormat1Image(named: "a") },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: CephError.self) { try await call() }
                #expect(error?.code == .namespaceNotFound)
            }
        }
    }

    @Test func purgeRefusesWhatIsInTheWay() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            func code(_ body: () async throws -> Void) async -> CephError.Code? {
                await #expect(throws: CephError.self) { try await body() }?.code
            }
            _ = try await pool.createImage(named: "vol-1", sizeBytes: 1 << 20)
            try await TestCluster.run("rbd", ["snap", "create", "\(name)/vol-1@s"])
            let entry = try await pool.trashImage(named: "vol-1")
            #expect(await code { try await pool.purge(entry) } == .imageHasSnapshots)
            _ = try await pool.restoreImage(entry, as: entry.rawName)
            try await TestCluster.run("rbd", ["snap", "rm", "--no-progress", "\(name)/vol-1@s"])

            try await TestCluster.run("rbd", ["group", "create", "\(name)/g"])
            try await TestCluster.run("rbd", ["group", "image", "add", "\(name)/g", "\(name)/vol-1"])
            let member = try await pool.trashImage(named: "vol-1")
            #expect(await code { try await pool.purge(member) } == .imageInGroup)
            _ = try await pool.restoreImage(member, as: member.rawName)
            try await TestCluster.run("rbd", ["group", "rm", "\(name)/g"])

            let client = try await TestCluster.openClient(of: "\(name)/vol-1")
            let used = try await pool.trashImage(named: "vol-1")
            #expect(await code { try await pool.purge(used) } == .imageBusy)
            try client.endInput()
            _ = await client.finish()
            // The watch of a client that has ended disappears a moment later.
            while true {
                do {
                    try await pool.purge(used)
                    break
                } catch let error as CephError where error.code == .imageBusy {
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
            #expect(try await pool.images().images.isEmpty)
            #expect(try await pool.trash().isEmpty)
        }
    }

    @Test func oddNamesCanBeReadAndRemoved() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            let names = [".", "..", "a b", "a\nb", "a%b", "a/b", "a@b", "vol-ü", String(repeating: "x", count: 300)]
            for odd in names { _ = try await pool.createImage(named: odd, sizeBytes: 1 << 20) }
            #expect(try await Set(pool.images().images.map(\.name)) == Set(names))
            for odd in names {
                #expect(try await pool.image(named: odd).name == odd)
                try await pool.purge(try await pool.trashImage(named: odd))
            }
            #expect(try await pool.images().images.isEmpty)
        }
    }

    @Test func pagesHoldEveryImageOnce() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            let names = (0..<150).map { "vol-\($0)" } + ["other"]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for image in names {
                    group.addTask { _ = try await pool.createImage(named: image, sizeBytes: 1 << 20) }
                }
                try await group.waitForAll()
            }
            var seen: [String] = []
            var position: ImagePosition?
            repeat {
                let page = try await pool.images(prefix: "vol-", after: position, limit: 40)
                seen += page.images.map(\.name)
                position = page.next
            } while position != nil
            #expect(seen == names.filter { $0 != "other" }.sorted())
            #expect(try await pool.images(limit: 151).next == nil)
            #expect(try await pool.images().images.count == 151)
        }
    }

    /// librbd reads images of format 1 but can't create them any more, so the test writes one byte by byte.
    @Test func imagesOfFormat1AreShown() async throws {
        try await TestCluster.withPool { name, cluster in
            try await TestCluster.putFormat1Image(named: "old", sizeBytes: 8 << 20, into: name)
            #expect(try await TestCluster.run("rbd", ["ls", name]) == "old\n")
            let pool = cluster.pool(name)
            let image = try await pool.image(named: "old")
            #expect(image.sizeBytes == 8 << 20)
            #expect(image.objectSizeBytes == 4 << 20)
            #expect(image.id == "")
            #expect(image.features == [])
            #expect(image.snapshotCount == 0)
            #expect(try await pool.images().images == [image])
        }
    }

    @Test func tooManyPlacementGroupsAreRefusedWithTheReason() async throws {
        let cluster = try await TestCluster.connect()
        let error = await #expect(throws: CephError.self) {
            try await cluster.createPool(named: TestCluster.uniqueName(), options: PoolOptions(pgNum: 65_536))
        }
        #expect(error?.code == .invalidPoolOption)
        #expect(error?.detail?.contains("pg_num") == true)
    }
}
