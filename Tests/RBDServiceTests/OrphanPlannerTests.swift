// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import Testing

@testable import RBDService

/// What becomes of images whose volumes may never have been stored, without Kubernetes and without Ceph.
struct OrphanPlannerTests {
    private static let versions = ImageVersions(name: 7, header: 8)
    private static let mark = ReviewMark(
        image: "data",
        volume: "pv",
        volumeUID: "u1",
        review: "r1",
        lease: "l1",
        sizeBytes: 1 << 30,
        made: .init(id: "a1", versions: versions)
    )
    private static let image = OrphanImage(sizeBytes: 1 << 30, versions: versions, data: .bytes(0))

    private func situation(_ change: (inout OrphanSituation) -> Void = { _ in }) -> OrphanSituation {
        var situation = OrphanSituation(mark: Self.mark, lease: "l1")
        change(&situation)
        return situation
    }

    private func finding(
        _ change: (inout OrphanSituation) -> Void = { _ in },
        image changeImage: (inout OrphanImage) -> Void = { _ in }
    ) -> OrphanFinding {
        var image = Self.image
        changeImage(&image)
        return OrphanPlanner.finding(situation(change), .there(image))
    }

    // MARK: Steps

    @Test func anImageWithAVolumeIsForgotten() {
        #expect(OrphanPlanner.next(situation { $0.hasVolume = true }) == .forget)
        // However young its mark is.
        let young = situation { ($0.hasVolume, $0.isDue) = (true, false) }
        #expect(OrphanPlanner.next(young) == .forget)
    }

    @Test func theVolumeHasTimeToBeStored() {
        #expect(OrphanPlanner.next(situation { $0.isDue = false }) == .wait)
        #expect(OrphanPlanner.next(situation()) == .look)
    }

    /// Whatever else is known: no review of the image is answered until then.
    @Test func anInterruptedMoveIsTakenBackFirst() {
        for hasVolume in [true, false] {
            let leaving = situation { ($0.mark.isLeaving, $0.hasVolume, $0.isDue) = (true, hasVolume, false) }
            #expect(OrphanPlanner.next(leaving) == .takeBack)
        }
    }

    // MARK: Findings

    @Test func onlyAnUntouchedEmptyImageIsUnused() {
        #expect(finding() == .unused)
        #expect(OrphanPlanner.finding(situation(), .none) == .notOrphaned)
        #expect(OrphanPlanner.finding(situation(), .incomplete) == .doubtful([.unknownImage]))
    }

    @Test func marksOfOthersAreOnlyReported() {
        #expect(finding { $0.mark.lease = "l2" } == .doubtful([.anotherController]))
        #expect(finding { $0.lease = "l2" } == .doubtful([.anotherController]))
        #expect(finding { $0.mark.lease = nil } == .doubtful([.unknownController]))
        #expect(finding { $0.lease = nil } == .doubtful([.unknownController]))
        // Two that are not known are not the same.
        #expect(finding { ($0.lease, $0.mark.lease) = (nil, nil) } == .doubtful([.unknownController]))
    }

    @Test func aVolumeThatMayHaveBeenThereIsRespected() {
        #expect(finding { $0.isOlderThanWatch = true } == .doubtful([.unwatched]))
        #expect(finding { $0.mark.volumeUID = "" } == .doubtful([.unknownVolume]))
        #expect(finding { $0.mark.volume = "" } == .doubtful([.unknownVolume]))
    }

    @Test func whatSomebodyHasTouchedIsOnlyReported() {
        #expect(finding { $0.mark.made = nil } == .doubtful([.unknownImage]))
        #expect(finding(image: { $0.versions?.header = 9 }) == .doubtful([.changed]))
        #expect(finding(image: { $0.versions?.name = 9 }) == .doubtful([.changed]))
        #expect(finding(image: { $0.versions = nil }) == .doubtful([.changed]))
        #expect(finding(image: { $0.sizeBytes += 1 }) == .doubtful([.resized]))
        #expect(finding(image: { $0.hasParent = true }) == .doubtful([.cloned]))
        for doubt in [OrphanDoubt.snapshots, .clients, .group, .migration] {
            #expect(finding(image: { $0.uses = [doubt] }) == .doubtful([doubt]))
        }
    }

    @Test func dataIsNeverTrashed() {
        #expect(finding(image: { $0.data = .bytes(1) }) == .doubtful([.data]))
        #expect(finding(image: { $0.data = .unknown }) == .doubtful([.unknownData]))
        #expect(finding(image: { $0.data = .notRead }) == .doubtful([.unknownData]))
    }

    /// The report says all that is known.
    @Test func doubtsAddUp() {
        let found = finding {
            $0.isOlderThanWatch = true
        } image: {
            ($0.uses, $0.data) = ([.clients], .notRead)
        }
        #expect(found == .doubtful([OrphanDoubt.unwatched, .clients].sorted()))
    }

    @Test func theDataIsReadOnlyIfNothingElseDecides() {
        var image = Self.image
        image.data = .notRead
        #expect(OrphanPlanner.needsData(image, Self.mark))
        image.uses = [.snapshots]
        #expect(!OrphanPlanner.needsData(image, Self.mark))
    }
}

/// How long marks have been there, by this process's clock.
struct MarkSightingsTests {
    private static let start = ContinuousClock.now

    private func mark(_ key: String, _ bytes: [UInt8] = [1], pool: String = "p") -> StoredMark {
        StoredMark(place: Place(pool: pool), key: key, bytes: bytes)
    }

    private func at(_ seconds: Int) -> ContinuousClock.Instant { Self.start + .seconds(seconds) }

    @Test func theTimeBeginsAgainWithEachReview() {
        var sightings = MarkSightings()
        sightings.note([mark("a")], of: "p", at: at(0))
        #expect(sightings.age(of: mark("a"), at: at(10)) == .seconds(10))
        sightings.note([mark("a")], of: "p", at: at(10))
        #expect(sightings.age(of: mark("a"), at: at(20)) == .seconds(20))
        sightings.note([mark("a", [2])], of: "p", at: at(20))
        #expect(sightings.age(of: mark("a", [2]), at: at(30)) == .seconds(10))
        // It was gone in between.
        sightings.note([], of: "p", at: at(30))
        sightings.note([mark("a", [2])], of: "p", at: at(40))
        #expect(sightings.age(of: mark("a", [2]), at: at(50)) == .seconds(10))
        #expect(sightings.age(of: mark("b"), at: at(50)) == .zero)
    }

    @Test func whatWasThereFirstIsOlderThanTheWatch() {
        var sightings = MarkSightings()
        sightings.noteGap()
        sightings.note([mark("a")], of: "p", at: at(0))
        sightings.note([mark("a", [2]), mark("b")], of: "p", at: at(10))
        // Another review does not make it younger.
        #expect(sightings.isOld(mark("a", [2])))
        #expect(!sightings.isOld(mark("b")))
        // A pool whose marks could not be read before.
        sightings.note([mark("a", pool: "q")], of: "q", at: at(10))
        #expect(sightings.isOld(mark("a", pool: "q")))
        sightings.note([mark("b")], of: "p", at: at(20))
        sightings.note([mark("a"), mark("b")], of: "p", at: at(30))
        #expect(!sightings.isOld(mark("a")))
    }

    @Test func aGapOfTheWatchMakesAllMarksOld() {
        var sightings = MarkSightings()
        sightings.note([], of: "p", at: at(0))
        sightings.note([mark("a")], of: "p", at: at(10))
        #expect(!sightings.isOld(mark("a")))
        sightings.noteGap()
        sightings.note([mark("a")], of: "p", at: at(20))
        #expect(sightings.isOld(mark("a")))
        // Their age goes on.
        #expect(sightings.age(of: mark("a"), at: at(20)) == .seconds(10))
    }

    @Test func deletedVolumesAreKnownUntilASearchIsComplete() {
        let uids = WatchedUIDs()
        uids.note("u1")
        let first = uids.take()
        #expect(first.uids == ["u1"])
        #expect(first.isComplete)
        #expect(uids.take().uids.isEmpty)
        uids.note("u2")
        uids.giveBack(first)
        #expect(uids.take().uids == ["u1", "u2"])
        for number in 0...50_000 { uids.note("\(number)") }
        let many = uids.take()
        #expect(!many.isComplete)
        uids.giveBack(many)
        #expect(!uids.take().isComplete)
        #expect(uids.take().isComplete)
    }
}
