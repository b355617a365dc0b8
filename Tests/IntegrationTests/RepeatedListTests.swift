// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import TestSupport
import Testing

/// Headers are cached from one list to the next. That must never be visible.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable))
struct RepeatedListTests {
    private func rbd(_ line: String) async throws {
        try await TestCluster.run("rbd", line.split(separator: " ").map(String.init))
    }

    private func list(_ pool: Ceph.Pool) async throws -> [ImageInfo] {
        var images: [ImageInfo] = []
        for try await batch in pool.catalogue(firstBatch: 5, batch: 7) { images += batch.images }
        return images
    }

    @Test(.timeLimit(.minutes(5)))
    func whatWasChangedBetweenTwoListsIsSeen() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            for number in 0..<8 { try await rbd("create --size 64M \(name)/v-\(number)") }
            try await rbd("snap create \(name)/v-0@s")
            try await rbd("clone --rbd-default-clone-format 2 \(name)/v-0@s \(name)/clone")
            try await rbd("group create \(name)/g")
            try await rbd("namespace create \(name)/n")
            var images = try await list(pool)
            #expect(images.count == 9)
            for change in [
                "resize --no-progress --size 65M NAME/v-1",
                "resize --no-progress --allow-shrink --size 1M NAME/v-1",
                "snap create NAME/v-1@a",
                "snap create NAME/v-1@b",
                "snap rm --no-progress NAME/v-1@a",
                "snap purge --no-progress NAME/v-1",
                "feature disable NAME/v-2 object-map fast-diff deep-flatten",
                "feature enable NAME/v-2 object-map",
                "feature enable NAME/v-2 journaling",
                "rename NAME/v-3 NAME/renamed",
                "group image add NAME/g NAME/v-4",
                // This does not change v-4.
                "group rename NAME/g NAME/h",
                "group image remove NAME/h NAME/v-4",
                "snap rename NAME/v-0@s NAME/v-0@t",
                "flatten --no-progress NAME/clone",
                "bench --rbd-mtime-update-interval 1 --io-type write --io-total 4K --io-size 4K NAME/v-5",
                "rm --no-progress NAME/v-6",
                "create --size 1M --object-size 8K --image-feature layering NAME/v-6",
                "trash mv NAME/v-7",
            ] {
                try await rbd(change.replacing("NAME", with: name))
                let before = images
                images = try await list(pool)
                for image in images {
                    #expect(
                        try await RBDInfo.read("\(name)/\(image.name)") == RBDInfo(image),
                        "\(change): \(image.name)"
                    )
                }
                #expect(images != before, "\(change)")
                // A new client without a cache sees the same.
                let other = try await list(try await Cluster.connect(try await TestCluster.configuration).pool(name))
                #expect(images == other, "\(change)")
            }
            #expect(images.map(\.name) == ["clone", "renamed", "v-0", "v-1", "v-2", "v-4", "v-5", "v-6"])
        }
    }

    /// While everything changes all the time, each list shows a state that was true at some time between its beginning
    /// and its end.
    @Test(.timeLimit(.minutes(3)))
    func noListIsOlderThanItself() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            let names = (0..<12).map { "v-\(10 + $0)" }
            var ids: [String] = []
            for name in names { ids.append(try await pool.createImage(named: name, sizeBytes: 1 << 20).id) }
            let images = Array(zip(names, ids))
            let other = try await Cluster.connect(try await TestCluster.configuration).pool(name)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let sizes = Sizes()
                group.addTask {
                    for round in 2..<40 {
                        for (name, id) in images where round % 3 != 0 || name.hasSuffix("1") {
                            let size = UInt64(round) << 20
                            _ = try await other.changeImage(named: name, id: id, [.grow(bytes: size)])
                            await sizes.set(size, of: name)
                        }
                    }
                    await sizes.finish()
                }
                group.addTask {
                    while await !sizes.isFinished {
                        let before = await sizes.all
                        let listed = try await list(pool)
                        #expect(listed.map(\.name) == names)
                        for image in listed { #expect(image.sizeBytes >= before[image.name, default: 0]) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await list(pool).map(\.sizeBytes).max() == 39 << 20)
        }
    }

    private actor Sizes {
        private(set) var all: [String: UInt64] = [:]
        private(set) var isFinished = false

        func set(_ size: UInt64, of name: String) { all[name] = size }

        func finish() { isFinished = true }
    }
}
