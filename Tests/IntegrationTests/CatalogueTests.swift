// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Naming
import TestSupport
import Testing

/// The catalogue reads from headers the same as librbd says about these images, whatever their kind.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable))
struct CatalogueTests {
    private func rbd(_ line: String) async throws {
        try await TestCluster.run("rbd", line.split(separator: " ").map(String.init))
    }

    /// Expects the catalogue to read every image of a pool or namespace as `rbd info` shows it.
    private func expectExact(_ pool: Ceph.Pool, count: Int) async throws {
        let place = pool.namespace.isEmpty ? pool.name : "\(pool.name)/\(pool.namespace)"
        var images: [ImageInfo] = []
        for try await batch in pool.catalogue(firstBatch: 3, batch: 5) { images += batch.images }
        #expect(images.count == count)
        for image in images {
            let theirs = try await RBDInfo.read("\(place)/\(image.name)")
            #expect(theirs == RBDInfo(image), "\(image.name)")
            var alone = try await pool.image(named: image.name)
            alone.metadata = nil
            #expect(alone == image)
        }
    }

    /// All combinations that librbd accepts. Some features need others.
    private static let featureSets: [ImageFeatures] = {
        let chains: [ImageFeatures] = [
            [], .exclusiveLock, [.exclusiveLock, .objectMap], [.exclusiveLock, .objectMap, .fastDiff],
        ]
        var sets: [ImageFeatures] = []
        for chain in chains {
            for layering in [[], ImageFeatures.layering] {
                for deepFlatten in [[], ImageFeatures.deepFlatten] {
                    sets.append(chain.union(layering).union(deepFlatten))
                    if chain.contains(.exclusiveLock) {
                        sets.append(chain.union(layering).union(deepFlatten).union(.journaling))
                    }
                }
            }
        }
        return sets.filter { !$0.isEmpty }
    }()

    @Test func everyFeatureSet() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            for (number, features) in Self.featureSets.enumerated() {
                let options = ImageOptions(features: features, objectOrder: UInt8(12 + number % 14))
                _ = try await pool.createImage(named: "set-\(number)", sizeBytes: 10_000_019, options: options)
            }
            for (number, unit) in [(0, UInt64(4096)), (1, 1 << 20), (2, 4 << 20)] {
                let options = ImageOptions(
                    features: [.layering, .striping],
                    stripeUnitBytes: unit,
                    stripeCount: UInt64(2 + number)
                )
                _ = try await pool.createImage(named: "striped-\(number)", sizeBytes: 100 << 20, options: options)
            }
            try await expectExact(pool, count: Self.featureSets.count + 3)
        }
    }

    @Test func everyKindOfImage() async throws {
        try await TestCluster.withPool { name, cluster in
            try await TestCluster.withPool { other, _ in
                try await makeImages(name, other)
                let pool = cluster.pool(name)
                // Images of format 1 are in a list of their own, in the same order.
                try await TestCluster.putFormat1Image(named: "format-1", sizeBytes: 9 << 20, into: name)
                try await expectExact(pool, count: 16)
                try await expectExact(cluster.pool(name, namespace: "tenant"), count: 3)
                // The image is now in the other pool, and half of it is still here.
                try await expectExact(cluster.pool(other), count: 1)
                #expect(try await cluster.pool(other).image(named: "moving").features.contains(.migrating))
                #expect(try await pool.image(named: "flattened").snapshotsParent?.image == "golden")
                try await rbd("migration abort --no-progress \(other)/moving")
            }
        }
    }

    private func makeImages(_ pool: String, _ other: String) async throws {
        try await rbd("create --size 0 \(pool)/empty")
        try await rbd("create --size 10T \(pool)/huge")
        try await rbd("create --size 64M --data-pool \(other) \(pool)/data-elsewhere")
        try await rbd("create --size 64M \(pool)/written")
        try await rbd("bench --io-type write --io-size 64K --io-total 256K \(pool)/written")
        try await rbd("create --size 64M \(pool)/flagged")
        try await rbd("feature disable \(pool)/flagged fast-diff")
        try await rbd("feature enable \(pool)/flagged fast-diff")
        try await rbd("create --size 64M \(pool)/encrypted")
        let passphrase = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        try Data("open sesame".utf8).write(to: URL(fileURLWithPath: passphrase))
        defer { try? FileManager.default.removeItem(atPath: passphrase) }
        if try await TestCluster.hasEncryption() {
            try await rbd("encryption format \(pool)/encrypted luks2 \(passphrase)")
        }

        try await rbd("create --size 64M \(pool)/golden")
        for number in 1...3 { try await rbd("snap create \(pool)/golden@s\(number)") }
        try await rbd("snap protect \(pool)/golden@s1")
        try await rbd("clone --rbd-default-clone-format 1 \(pool)/golden@s1 \(pool)/clone-1")
        try await rbd("clone --rbd-default-clone-format 2 \(pool)/golden@s2 \(pool)/clone-2")
        try await rbd("clone --rbd-default-clone-format 2 \(pool)/golden@s2 \(pool)/cut-clone")
        try await rbd("resize --no-progress --allow-shrink --size 32M \(pool)/cut-clone")
        let layout = "--stripe-unit 1M --stripe-count 4 --data-pool \(other)"
        try await rbd("clone --rbd-default-clone-format 2 \(layout) \(pool)/golden@s2 \(pool)/all-in-one")
        try await rbd("group create \(pool)/g")
        try await rbd("group image add \(pool)/g \(pool)/all-in-one")
        try await rbd("create --size 64M \(pool)/grouped-once")
        try await rbd("group image add \(pool)/g \(pool)/grouped-once")
        try await rbd("group image remove \(pool)/g \(pool)/grouped-once")
        // Without deep-flatten, the clone's snapshot keeps the parent.
        let clone2 = "clone --rbd-default-clone-format 2"
        try await rbd("\(clone2) --image-feature layering \(pool)/golden@s3 \(pool)/flattened")
        try await rbd("snap create \(pool)/flattened@s")
        try await rbd("flatten --no-progress \(pool)/flattened")
        // The parent is in the trash, and its snapshot was deleted while it had a clone.
        try await rbd("create --size 64M \(pool)/gone")
        try await rbd("snap create \(pool)/gone@s")
        try await rbd("\(clone2) \(pool)/gone@s \(pool)/orphan")
        try await rbd("snap rm --no-progress \(pool)/gone@s")
        try await rbd("trash mv \(pool)/gone")
        try await rbd("create --size 64M \(pool)/renamed-before")
        try await rbd("rename \(pool)/renamed-before \(pool)/renamed")

        try await rbd("namespace create \(pool)/tenant")
        try await rbd("create --size 64M \(pool)/tenant/volume")
        try await rbd("\(clone2) \(pool)/golden@s2 \(pool)/tenant/clone")
        try await rbd("group create \(pool)/tenant/g")
        try await rbd("create --size 64M \(pool)/tenant/grouped")
        try await rbd("group image add \(pool)/tenant/g \(pool)/tenant/grouped")

        try await rbd("create --size 64M \(pool)/moving")
        try await rbd("bench --io-type write --io-size 64K --io-total 256K \(pool)/moving")
        try await rbd("snap create \(pool)/moving@s")
        try await rbd("migration prepare \(pool)/moving \(other)/moving")
    }

    @Test(.timeLimit(.minutes(2)))
    func anImageInTheMiddleOfItsRemoval() async throws {
        try await TestCluster.withPool { name, cluster in
            // Without an object map, the removal tries every object, whether it exists or not. That takes a while.
            try await rbd("create --size 1T --image-feature layering \(name)/big")
            let pool = cluster.pool(name)
            let before = try await pool.image(named: "big")
            let removal = try RunningProcess(
                TestCluster.tool("rbd"),
                ["--conf", TestCluster.configFile, "rm", "--no-progress", "\(name)/big"]
            )
            var listed = try await pool.images().images
            while listed.first?.isBeingRemoved != true {
                try await Task.sleep(for: .milliseconds(20))
                listed = try await pool.images().images
            }
            removal.signal(SIGKILL)
            _ = await removal.finish()
            // librbd lists the image by its id only, without its name.
            listed = try await pool.images().images
            let image = try #require(listed.first)
            #expect(listed.count == 1)
            #expect(image.name == "big")
            #expect(image.isBeingRemoved)
            var info = try await RBDInfo.read("--pool", name, "--image-id", before.id)
            info.name = "big"
            #expect(info == RBDInfo(image))
        }
    }

    /// A newer encoding than this code knows is left to librbd, which can read it.
    @Test func whatIsLaidOutInAnotherWayIsLeftToLibrbd() async throws {
        try await TestCluster.withPool { name, cluster in
            try await rbd("create --size 64M \(name)/golden")
            try await rbd("snap create \(name)/golden@s")
            try await rbd("clone --rbd-default-clone-format 2 \(name)/golden@s \(name)/clone")
            try await rbd("group create \(name)/g")
            try await rbd("group image add \(name)/g \(name)/clone")
            let pool = cluster.pool(name)
            let before = try await pool.image(named: "clone")
            let header = "rbd_header.\(before.id)"
            // A newer version of each structure, with additional data at its end, which older code may read.
            for (key, compatible) in [("parent", UInt8(2)), ("rbd_group_ref", 1)] {
                var value = try await TestCluster.value(of: key, in: header, pool: name)
                value[0] += 1
                value[1] = compatible
                value[2] += 1
                value.append(7)
                try await TestCluster.setValue(value, of: key, in: header, pool: name)
            }
            #expect(try await pool.image(named: "clone") == before)
            #expect(try await pool.images().images.map(\.name) == ["clone", "golden"])
            try await expectExact(pool, count: 2)
            // A version that older code must not read is an error. The catalogue must not guess.
            var value = try await TestCluster.value(of: "parent", in: header, pool: name)
            value[1] = value[0] + 1
            try await TestCluster.setValue(value, of: "parent", in: header, pool: name)
            let error = await #expect(throws: CephError.self) { try await pool.image(named: "clone") }
            #expect(error?.resource == .image(ImageSpec(pool: name, image: "clone")))
        }
    }

    // MARK: The walk

    private func names(_ catalogue: ImageCatalogue) async throws -> [String] {
        var names: [String] = []
        for try await batch in catalogue { names += batch.images.map(\.name) }
        return names
    }

    @Test func theOrderIsThatOfTheBytes() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            #expect(try await names(pool.catalogue()).isEmpty)
            // Names are in the order of their bytes. Composed and decomposed letters are different names here.
            let all = ["A", "Z", "a", "a!", "a-1", "a-10", "a-2", "ab", "e\u{301}", "z", "\u{e9}", "日", "🇩🇪"]
            #expect(all.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } == all)
            for name in all.shuffled() { _ = try await pool.createImage(named: name, sizeBytes: 1) }
            #expect(try await names(pool.catalogue(firstBatch: 1, batch: 1)) == all)
            for prefix in ["a", "a-", "ab", "abc", "e", "日", "", "~"] {
                let expected = all.filter { $0.utf8.starts(with: prefix.utf8) }
                let found = try await names(
                    pool.catalogue(in: [NameRange(prefix: prefix)], firstBatch: 2, batch: 2)
                )
                #expect(found == expected, "\(prefix)")
            }
            // Several ranges, with names between, before and after them.
            let ranges = [
                NameRange(prefix: "日"), NameRange(prefix: "a-1"), NameRange(name: "Z"), NameRange(name: "a-2"),
                NameRange(name: "nothing"),
            ]
            let within = ["Z", "a-1", "a-10", "a-2", "日"]
            for batch in [1, 2, 100] {
                #expect(try await names(pool.catalogue(in: ranges, firstBatch: batch, batch: batch)) == within)
                for (index, name) in within.enumerated() {
                    let position = try await pool.image(named: name).position
                    let rest = try await names(pool.catalogue(in: ranges, after: position, batch: batch))
                    #expect(rest == Array(within[(index + 1)...]), "\(name)")
                }
            }
            #expect(try await names(pool.catalogue(in: [])).isEmpty)
            for (index, name) in all.enumerated() {
                let position = try await pool.image(named: name).position
                #expect(try await names(pool.catalogue(after: position)) == Array(all[(index + 1)...]), "\(name)")
                // The image at the position need not exist any more.
                let before = ImagePosition(name: position.name, id: "")
                #expect(try await names(pool.catalogue(after: before)) == Array(all[index...]), "\(name)")
            }
            // librbd also accepts names that are not UTF-8. The list shows them as well as it can, and only once.
            try await createImage(named: [0x61, 0xFF], in: name)
            try await createImage(named: [0x61, 0xFF, 0x62], in: name)
            let repaired = all.firstIndex(of: "e\u{301}")
            let more = all[..<(repaired ?? 0)] + ["a\u{FFFD}", "a\u{FFFD}b"] + all[(repaired ?? 0)...]
            #expect(try await names(pool.catalogue(firstBatch: 1, batch: 1)) == Array(more))
            var (position, paged) = (ImagePosition?.none, [String]())
            repeat {
                let page = try await pool.images(after: position, limit: 1)
                paged += page.images.map(\.name)
                position = page.next
            } while position != nil && paged.count < 100
            #expect(paged == Array(more))
            let odd = pool.catalogue(firstBatch: 2, batch: 2) { $0.utf8.count == 1 }
            #expect(try await names(odd) == ["A", "Z", "a", "z"])
        }
    }

    /// Uses a shell, because Foundation can only pass text as an argument.
    private func createImage(named bytes: [UInt8], in pool: String) async throws {
        // The form of a byte for the shell's printf: three octal digits.
        let octal = bytes.map { "\\" + String(Int($0) + 512, radix: 8).dropFirst() }.joined()
        let spec = "\"\(pool)/$(printf '\(octal)')\""
        let script = "exec \(TestCluster.tool("rbd")) --conf '\(TestCluster.configFile)' create --size 1M \(spec)"
        let result = try await Subprocess.run("/bin/sh", ["-c", script])
        #expect(result.status == 0, "\(result.standardError)")
    }

    /// A list spans several pages of the directory while other clients create and remove images. An image that exists
    /// all the time is listed exactly once.
    @Test func imagesMayComeAndGo() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            let steady = (0..<60).map { "steady-\(100 + $0)" }
            for name in steady { _ = try await pool.createImage(named: name, sizeBytes: 1) }
            for number in 0..<20 { _ = try await pool.createImage(named: "steady-1\(number)x", sizeBytes: 1) }
            var seen: [String] = []
            var number = 0
            for try await batch in pool.catalogue(firstBatch: 4, batch: 4) {
                seen += batch.images.map(\.name)
                if number < 20 {
                    try await pool.purge(try await pool.trashImage(named: "steady-1\(19 - number)x"))
                    _ = try await pool.createImage(named: "steady-1\(number)y", sizeBytes: 1)
                    number += 1
                }
            }
            #expect(seen.filter { steady.contains($0) } == steady)
            #expect(Set(seen).count == seen.count)
        }
    }

    @Test func aLateListingGivesUpAndACancelledOneStops() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            for number in 0..<4 { _ = try await pool.createImage(named: "v-\(number)", sizeBytes: 1) }
            let error = await #expect(throws: CephError.self) {
                try await Deadline.$current.withValue(.now - .seconds(1)) { _ = try await pool.images() }
            }
            #expect([.timedOut, .notStarted].contains(error?.code))
            let task = Task {
                var count = 0
                for try await batch in pool.catalogue(firstBatch: 1, batch: 1) {
                    count += batch.images.count
                    if count == 2 { withUnsafeCurrentTask { $0?.cancel() } }
                }
                return count
            }
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }
}
