// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Images that reviews have made, on a real cluster: what is proved about them, and what becomes of them.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct OrphanTests {
    // MARK: Proof

    @Test(arguments: ["layering", "layering,exclusive-lock,object-map,fast-diff"])
    func anUntouchedImageGoesToTheTrash(features: String) async throws {
        try await withOrphanSetting { setting in
            #expect(try await setting.review(features: features).outcome == .created)
            let stored = try await setting.mark()
            let id = try await TestCluster.imageID(setting.spec)
            #expect(stored.mark?.made?.id == id)
            #expect(stored.mark?.volume == "pv-vol")
            #expect(try await setting.finding() == .unused)
            // To look at it changes nothing.
            #expect(try await setting.finding() == .unused)
            let entry = try await setting.move(stored)
            #expect(entry?.id == id)
            #expect(try await !setting.hasImage())
            #expect(try await setting.marks().isEmpty)
            // Whoever restores it has decided about it.
            try await TestCluster.run("rbd", ["trash", "restore", "\(setting.pool)/\(id)"])
            #expect(try await RBDInfo.read(setting.spec).size == 1 << 30)
            #expect(try await setting.review("r2").outcome == .adopted)
            #expect(try await setting.marks().isEmpty)
        }
    }

    @Test func aYoungImageStays() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let stored = try await setting.mark()
            await #expect(throws: CephError.self) { try await setting.move(stored, olderThan: .seconds(3600)) }
            #expect(try await setting.hasImage())
            #expect(try await setting.mark() == stored)
        }
    }

    private static let changes: [([[String]], [OrphanDoubt])] = [
        ([["rbd", "snap", "create", "--no-progress", "SPEC@s"]], [.changed, .snapshots]),
        ([["rbd", "resize", "--no-progress", "--size", "2G", "SPEC"]], [.changed, .resized]),
        ([["rbd", "image-meta", "set", "SPEC", "owner", "me"]], [.changed]),
        ([["rbd", "lock", "add", "SPEC", "mine"]], [.changed, .clients]),
        (
            [["rbd", "group", "create", "POOL/g"], ["rbd", "group", "image", "add", "POOL/g", "SPEC"]],
            [.changed, .group]
        ),
        // What was undone has been done all the same.
        (
            [["rbd", "image-meta", "set", "SPEC", "a", "b"], ["rbd", "image-meta", "remove", "SPEC", "a"]],
            [.changed]
        ),
    ]

    @Test(arguments: changes)
    func whatSomebodyHasTouchedStays(commands: [[String]], doubts: [OrphanDoubt]) async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            for command in commands {
                let words = command.map {
                    $0.replacing("SPEC", with: setting.spec).replacing("POOL", with: setting.pool)
                }
                try await TestCluster.run(words[0], Array(words.dropFirst()))
            }
            #expect(try await setting.finding() == .doubtful(doubts.sorted()))
            let stored = try await setting.mark()
            await #expect(throws: (any Error).self) { try await setting.move(stored) }
            #expect(try await setting.hasImage())
            #expect(try await setting.mark() == stored)
        }
    }

    @Test func anImageWithDataStays() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let id = try await TestCluster.imageID(setting.spec)
            // The last object.
            try await TestCluster.put(Data([1]), as: "rbd_data.\(id).00000000000000ff", into: setting.pool)
            #expect(try await setting.finding() == .doubtful([.data]))
            let stored = try await setting.mark()
            await #expect(throws: CephError.self) { try await setting.move(stored) }
            #expect(try await setting.hasImage())
        }
    }

    @Test func anImageWithAClientStaysUntilItEnds() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let client = try await TestCluster.openClient(of: setting.spec)
            #expect(try await setting.finding() == .doubtful([.clients]))
            try client.endInput()
            _ = await client.finish()
            while try await TestCluster.run("rbd", ["status", setting.spec]).contains("watcher=") {
                try await Task.sleep(for: .milliseconds(50))
            }
            // It has only looked.
            #expect(try await setting.finding() == .unused)
        }
    }

    // MARK: Images that are never found

    @Test(arguments: [
        [["rename", "SPEC", "POOL/other"], ["rename", "POOL/other", "SPEC"]],
        [["trash", "mv", "SPEC"], ["trash", "restore", "POOL/ID"]], [["rename", "SPEC", "POOL/other"]],
        [["trash", "mv", "SPEC"]], [["rm", "--no-progress", "SPEC"]],
        [["rm", "--no-progress", "SPEC"], ["create", "--size", "1G", "SPEC"]],
    ])
    func anImageThatSomebodyHasDecidedAboutIsNotFound(commands: [[String]]) async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let id = try await TestCluster.imageID(setting.spec)
            for command in commands {
                let words = command.map {
                    $0.replacing("SPEC", with: setting.spec).replacing("POOL", with: setting.pool)
                        .replacing("ID", with: id)
                }
                try await TestCluster.run("rbd", words)
            }
            #expect(try await setting.finding() == .notOrphaned)
        }
    }

    @Test func onlyReviewsThatMakeImagesMarkThem() async throws {
        try await withOrphanSetting { setting in
            // The pre-hook, and the controller itself.
            let asked = try await setting.ensure(nil)
            #expect(asked.outcome == .created)
            #expect(try await setting.marks().isEmpty)
            #expect(try await setting.review().outcome == .adopted)
            #expect(try await setting.marks().isEmpty)
        }
    }

    @Test func aCloneAndACopyAreNotFound() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            try await TestCluster.run("rbd", ["cp", "--no-progress", setting.spec, "\(setting.pool)/copy"])
            try await TestCluster.run("rbd", ["snap", "create", "--no-progress", "\(setting.spec)@s"])
            let clone = ["clone", "--rbd-default-clone-format", "2", "\(setting.spec)@s", "\(setting.pool)/clone"]
            try await TestCluster.run("rbd", clone)
            #expect(try await setting.mark().mark?.image == "vol")
        }
    }
}
