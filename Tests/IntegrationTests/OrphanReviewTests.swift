// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Requests for images that reviews have made, while these are on their way to the trash.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct OrphanReviewTests {
    private struct VolumeFound: Error {}

    @Test func anotherReviewStopsTheMove() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let stored = try await setting.mark()
            #expect(try await setting.review("r2", volume: "u2").outcome == .adopted)
            let next = try await setting.mark()
            #expect(next.mark?.volumeUID == "u2")
            #expect(next.mark?.made == stored.mark?.made)
            await #expect(throws: CephError.self) { try await setting.move(stored) }
            #expect(try await setting.hasImage())
            // The same volume once more.
            _ = try await setting.review("r3", volume: "u2")
            #expect(try await setting.mark() != next)
            // A pool that two Kubernetes clusters share.
            _ = try await setting.review("r4", volume: "u3", lease: "l2")
            #expect(try await setting.marks().isEmpty)
        }
    }

    @Test func whoeverWantsTheImageWithoutAReviewGetsIt() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let stored = try await setting.mark()
            #expect(try await setting.ensure(nil).outcome == .adopted)
            #expect(try await setting.marks().isEmpty)
            await #expect(throws: CephError.self) { try await setting.move(stored) }
            #expect(try await setting.hasImage())
        }
    }

    @Test func aVolumeThatAppearsStopsTheMove() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let stored = try await setting.mark()
            await #expect(throws: VolumeFound.self) {
                try await setting.move(stored) { throw VolumeFound() }
            }
            #expect(try await setting.hasImage())
            // The next search looks again.
            #expect(try await setting.mark() == stored)
            #expect(try await setting.finding() == .unused)
        }
    }

    /// A review that came while the image is on its way to the trash must not allow its volume for that image.
    @Test func aReviewDuringTheMoveMakesANewImage() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let stored = try await setting.mark()
            let id = stored.mark?.made?.id
            let (reviews, continuation) = AsyncStream.makeStream(of: Task<VolumeOutcome, any Error>.self)
            _ = try await setting.move(stored) {
                continuation.yield(Task.detached { try await setting.review("r2", volume: "u2") })
                continuation.finish()
                try await Task.sleep(for: .milliseconds(500))
                #expect(try await setting.mark().mark?.isLeaving == true)
            }
            for await review in reviews { #expect(try await review.value.outcome == .created) }
            let next = try await setting.mark()
            #expect(next.mark?.volumeUID == "u2")
            #expect(next.mark?.made?.id != id)
            #expect(try await setting.hasImage())
        }
    }

    /// A replica has died between its mark and the move.
    @Test(arguments: [true, false])
    func anInterruptedMoveIsTakenBack(byReview: Bool) async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let stored = try await setting.mark()
            var mark = try #require(stored.mark)
            mark.isLeaving = true
            let pool = try setting.volumes.images.images.pool(stored.place)
            let leaving = try #require(try await ReviewMarks(pool).save(mark, replacing: stored))
            if byReview {
                #expect(try await setting.review("r2").outcome == .adopted)
            } else {
                try await setting.images.takeBack(leaving)
            }
            #expect(try await setting.mark().mark?.isLeaving == false)
            #expect(try await setting.finding() == .unused)
        }
    }

    /// A replica has died between the announcement and the note of the image's id.
    @Test func anInterruptedReviewIsOnlyReported() async throws {
        try await withOrphanSetting { setting in
            _ = try await setting.review()
            let stored = try await setting.mark()
            var mark = try #require(stored.mark)
            mark.made = nil
            let pool = try setting.volumes.images.images.pool(stored.place)
            let announced = try #require(try await ReviewMarks(pool).save(mark, replacing: stored))
            #expect(try await setting.finding() == .doubtful([.unknownImage]))
            await #expect(throws: CephError.self) { try await setting.move(announced) }
            #expect(try await setting.hasImage())
        }
    }

    /// A name that can't be created leaves nothing behind.
    @Test func aRefusedVolumeLeavesNoMark() async throws {
        try await withOrphanSetting { setting in
            await #expect(throws: Problem.self) {
                try await setting.review(features: "layering,fast-diff")
            }
            let marks = try await setting.marks()
            #expect(marks.isEmpty)
        }
    }

    @Test func marksAreRemovedTogether() async throws {
        try await withOrphanSetting { setting in
            let pool = try setting.volumes.images.images.pool(Place(pool: setting.pool))
            let marks = ReviewMarks(pool)
            var stored: [StoredMark] = []
            for number in 0..<120 {
                let mark = ReviewMark(
                    image: "i\(number)",
                    volume: "v",
                    volumeUID: "u\(number)",
                    review: "r",
                    lease: "l1",
                    sizeBytes: 1
                )
                stored.append(try #require(try await marks.save(mark, replacing: nil)))
            }
            // One of them changes meanwhile.
            var changed = try #require(stored[3].mark)
            changed.review = "r2"
            _ = try #require(try await marks.save(changed, replacing: stored[3]))
            try await setting.images.forget(stored, in: setting.pool)
            #expect(try await setting.mark().mark == changed)
        }
    }
}
