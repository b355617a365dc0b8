// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI
import Testing

@testable import RBDService

/// What the controller does next, without Kubernetes and without Ceph.
struct VolumePlannerTests {
    private static let gibibyte: UInt64 = 1 << 30
    private static let small = ImageFact.there(id: "a1", sizeBytes: gibibyte)
    private static let large = ImageFact.there(id: "a1", sizeBytes: 2 * gibibyte)
    private static let finalizer = WatchedVolume.finalizer

    /// A volume of 2 GiB that is bound.
    private static func situation(
        _ image: ImageFact? = large,
        _ change: (inout VolumeSituation) -> Void = { _ in }
    ) -> VolumeSituation {
        let demand = VolumeDemand(
            place: Place(pool: "rbd"),
            image: "data",
            sizeBytes: 2 * gibibyte,
            features: nil,
            fields: .init(pool: "pool", image: "image", features: "features", cluster: "cluster")
        )
        let volume = WatchedVolume(
            name: "pv",
            uid: "u1",
            phase: "Bound",
            claim: .init(namespace: "default", name: "data", uid: "c1"),
            imageID: "a1",
            need: .image(demand)
        )
        var situation = VolumeSituation(volume: volume, image: image)
        change(&situation)
        return situation
    }

    private static func claim(
        _ capacity: UInt64,
        allocated: UInt64? = nil,
        _ growth: String? = nil,
        _ conditions: Set<String> = []
    ) -> WatchedClaim {
        WatchedClaim(
            namespace: "default",
            name: "data",
            uid: "c1",
            volume: "pv",
            requestBytes: gibibyte,
            capacityBytes: capacity * gibibyte,
            allocatedBytes: allocated.map { $0 * gibibyte },
            growth: growth.map { .init(text: $0) },
            conditions: conditions
        )
    }

    private static func trash(_ situation: inout VolumeSituation) {
        situation.volume.reclaim = .trash
        situation.volume.finalizers = ["kubernetes.io/pv-protection", finalizer]
    }

    /// A volume that is to go to the trash, is deleted, and has lost its claim.
    private static func ending(
        _ image: ImageFact? = large,
        _ change: (inout VolumeSituation) -> Void = { _ in }
    ) -> VolumeSituation {
        situation(image) { situation in
            trash(&situation)
            situation.volume.isBeingDeleted = true
            situation.volume.phase = "Released"
            change(&situation)
        }
    }

    // MARK: Images

    @Test func nothingIsDoneAboutAVolumeThatIsAsItShouldBe() {
        #expect(VolumePlanner.next(Self.situation()) == .nothing)
        #expect(VolumePlanner.next(Self.situation { $0.claim = Self.claim(2) }) == .nothing)
        #expect(VolumePlanner.next(Self.situation { $0.volume.need = .nothing }) == .nothing)
        let huge = ImageFact.there(id: "a1", sizeBytes: 99 * Self.gibibyte)
        #expect(VolumePlanner.next(Self.situation(huge) { $0.claim = Self.claim(2) }) == .nothing)
    }

    @Test(arguments: ["Pending", "Available", "Bound"])
    func aMissingImageIsCreated(phase: String) {
        let situation = Self.situation(.missing(.neverSeen)) { $0.volume.phase = phase }
        #expect(VolumePlanner.next(situation) == .createImage)
    }

    @Test(arguments: ["Released", "Failed"])
    func nothingIsCreatedForAVolumeThatNobodyCanUse(phase: String) {
        let situation = Self.situation(.missing(.neverSeen)) { $0.volume.phase = phase }
        #expect(VolumePlanner.next(situation) == .nothing)
    }

    @Test func anImageThatWasThereIsNotCreatedAgain() {
        #expect(VolumePlanner.next(Self.situation(.missing(.lost))) == .report(.imageLost))
        let trashed = Self.situation(.missing(.inTrash(id: "a1")))
        #expect(VolumePlanner.next(trashed) == .report(.imageInTrash(id: "a1")))
        #expect(VolumePlanner.next(Self.situation(.beingRemoved)) == .report(.imageBeingRemoved))
    }

    // MARK: Growth

    @Test func withoutAClaimOnlyTheImageGrows() {
        #expect(VolumePlanner.next(Self.situation(Self.small)) == .growImage)
    }

    @Test func theClaimSaysFirstThatTheVolumeGrows() {
        let begun: [WatchedClaim] = [
            Self.claim(1, allocated: 2, "ControllerResizeInProgress", ["Resizing"]),
            Self.claim(1, allocated: 2, "ControllerResizeInProgress"),
            // API servers that drop the newer fields, or one of them.
            Self.claim(1, nil, ["Resizing"]),
            Self.claim(1, allocated: 2, nil, ["Resizing"]),
        ]
        for claim in begun {
            #expect(VolumePlanner.next(Self.situation(Self.small) { $0.claim = claim }) == .growImage)
        }
        let others: [WatchedClaim] = [
            Self.claim(1),
            Self.claim(1, allocated: 3, "ControllerResizeInProgress", ["Resizing"]),
            Self.claim(1, allocated: 2, "ControllerResizeInfeasible", ["Resizing"]),
            Self.claim(1, allocated: 1, "NodeResizePending", ["FileSystemResizePending"]),
            Self.claim(1, nil, ["FileSystemResizePending"]),
            Self.claim(1, allocated: 3, nil, ["Resizing"]),
            // A claim that says more than its image has would never have its file system grown.
            Self.claim(2, allocated: 2, "ControllerResizeInProgress", ["Resizing"]),
            Self.claim(2),
        ]
        for claim in others {
            #expect(VolumePlanner.next(Self.situation(Self.small) { $0.claim = claim }) == .beginGrowth, "\(claim)")
        }
    }

    @Test func theNodeGrowsTheFileSystem() {
        let before: [WatchedClaim] = [
            Self.claim(1),
            Self.claim(1, allocated: 2, "ControllerResizeInProgress", ["Resizing"]),
            // The CSI driver's own resizer has tried, and can't do it.
            Self.claim(1, allocated: 2, "ControllerResizeInfeasible", ["ControllerResizeError"]),
            Self.claim(1, allocated: 1, "NodeResizePending", ["FileSystemResizePending"]),
            Self.claim(1, nil, ["Resizing"]),
        ]
        for claim in before {
            #expect(VolumePlanner.next(Self.situation { $0.claim = claim }) == .leaveToNode, "\(claim)")
        }
        let after: [WatchedClaim] = [
            Self.claim(1, allocated: 2, "NodeResizePending", ["FileSystemResizePending"]),
            Self.claim(1, allocated: 2, "NodeResizeInProgress"),
            Self.claim(1, allocated: 1, "NodeResizeInProgress"),
            Self.claim(1, allocated: 2, "NodeResizeInfeasible"),
            Self.claim(1, nil, ["FileSystemResizePending"]),
        ]
        for claim in after { #expect(VolumePlanner.next(Self.situation { $0.claim = claim }) == .nothing, "\(claim)") }
    }

    @Test func aBlockVolumeHasNoFileSystemToGrow() {
        let claim = Self.claim(1, allocated: 2, "ControllerResizeInProgress", ["Resizing"])
        let situation = Self.situation { situation in
            situation.volume.isBlock = true
            situation.claim = claim
        }
        #expect(VolumePlanner.next(situation) == .finishGrowth)
    }

    @Test func leftoversAreCleared() {
        let leftovers: [WatchedClaim] = [
            Self.claim(2, allocated: 3, "ControllerResizeInProgress", ["Resizing"]),
            Self.claim(2, allocated: 3, "ControllerResizeInfeasible"),
            Self.claim(2, allocated: 2, "NodeResizePending", ["FileSystemResizePending"]),
            Self.claim(2, nil, ["Resizing"]),
        ]
        for claim in leftovers {
            #expect(VolumePlanner.next(Self.situation { $0.claim = claim }) == .finishGrowth, "\(claim)")
        }
        let busy = Self.claim(2, allocated: 2, "NodeResizeInProgress")
        #expect(VolumePlanner.next(Self.situation { $0.claim = busy }) == .nothing)
    }

    @Test func aClaimAloneDoesNotMakeAVolumeGrow() {
        var claim = Self.claim(2, allocated: 4, "ControllerResizeInfeasible")
        claim.requestBytes = 4 * Self.gibibyte
        let step = VolumePlanner.next(Self.situation { $0.claim = claim })
        #expect(step == .report(.claimAsksMore(bytes: 4 * Self.gibibyte)))
    }

    // MARK: Holding

    /// The next leader would otherwise take a volume that has lost its image for one that never had one.
    @Test func eachVolumeSaysWhichImageItHas() {
        for phase in ["Available", "Bound", "Released"] {
            // Before it grows, which may fail for hours.
            for image in [Self.large, Self.small] {
                let situation = Self.situation(image) { situation in
                    situation.volume.imageID = nil
                    situation.volume.phase = phase
                }
                #expect(VolumePlanner.next(situation) == .remember(imageID: "a1"))
            }
        }
        let old = ImageFact.there(id: "", sizeBytes: 2 * Self.gibibyte)
        #expect(VolumePlanner.next(Self.situation(old) { $0.volume.imageID = nil }) == .nothing)
        #expect(VolumePlanner.next(Self.situation(old)) == .nothing)
        // Its user has decided for another image. Nothing is ever done to the former one.
        #expect(VolumePlanner.next(Self.situation { $0.volume.imageID = "b2" }) == .remember(imageID: "a1"))
        // One patch is enough.
        let held = Self.situation { situation in
            situation.volume.imageID = nil
            situation.volume.reclaim = .trash
        }
        #expect(VolumePlanner.next(held) == .hold(imageID: "a1"))
    }

    @Test func aVolumeThatIsToGoToTheTrashIsHeld() {
        func next(_ change: (inout VolumeSituation) -> Void) -> VolumeStep {
            VolumePlanner.next(Self.situation(Self.large, change))
        }
        #expect(next { $0.volume.reclaim = .trash } == .hold(imageID: "a1"))
        #expect(next { Self.trash(&$0) } == .nothing)
        // Its user has accepted another image by removing the annotation.
        #expect(
            next { situation in
                Self.trash(&situation)
                situation.volume.imageID = nil
            } == .hold(imageID: "a1")
        )
        #expect(
            next { situation in
                Self.trash(&situation)
                situation.volume.imageID = "b2"
            } == .report(.imageReplaced(expected: "b2", found: "a1"))
        )
    }

    @Test func aVolumeIsHeldBeforeItGrows() {
        #expect(VolumePlanner.next(Self.situation(Self.small) { $0.volume.reclaim = .trash }) == .hold(imageID: "a1"))
        #expect(VolumePlanner.next(Self.situation(Self.small) { Self.trash(&$0) }) == .growImage)
    }

    @Test func aVolumeThatIsNotHeldForAnythingIsReleased() {
        func next(_ change: (inout VolumeSituation) -> Void) -> VolumeStep {
            VolumePlanner.next(
                Self.situation { situation in
                    Self.trash(&situation)
                    change(&situation)
                }
            )
        }
        #expect(next { $0.volume.reclaim = .retain } == .release)
        #expect(next { $0.volume.need = .nothing } == .release)
        #expect(next { $0.volume.reclaim = .unknown("Trash") } == .report(.unknownReclaim("Trash")))
    }

    @Test func theReclaimPolicyDeleteWorks() {
        func next(_ change: (inout VolumeSituation) -> Void) -> VolumeStep {
            VolumePlanner.next(
                Self.situation { situation in
                    Self.trash(&situation)
                    situation.volume.endsWithClaim = true
                    situation.volume.phase = "Released"
                    change(&situation)
                }
            )
        }
        #expect(next { _ in } == .deleteVolume)
        #expect(next { $0.volume.phase = "Failed" } == .deleteVolume)
        #expect(next { $0.volume.phase = "Bound" } == .nothing)
        #expect(next { $0.volume.phase = "Available" } == .nothing)
        #expect(next { $0.claim = Self.claim(2) } == .nothing)
        #expect(next { $0.volume.endsWithClaim = false } == .nothing)
        // Never before the volume is held.
        #expect(next { $0.volume.finalizers = [] } == .hold(imageID: "a1"))
        #expect(next { $0.volume.reclaim = .retain } == .release)
    }

    // MARK: The end

    @Test func theImageOfADeletedVolumeGoesToTheTrash() {
        #expect(VolumePlanner.next(Self.ending()) == .moveToTrash(imageID: "a1"))
        #expect(VolumePlanner.next(Self.ending { $0.clients = [] }) == .moveToTrash(imageID: "a1"))
    }

    @Test func theVolumeIsHeldUntilTheImageIsInTheTrash() {
        #expect(VolumePlanner.next(Self.ending(.missing(.inTrash(id: "a1")))) == .release)
        #expect(VolumePlanner.next(Self.ending(.missing(.neverSeen))) == .release)
        #expect(VolumePlanner.next(Self.ending(.beingRemoved)) == .release)
        #expect(VolumePlanner.next(Self.ending { $0.volume.reclaim = .retain }) == .release)
        #expect(VolumePlanner.next(Self.ending { $0.volume.need = .nothing }) == .release)
        #expect(VolumePlanner.next(Self.ending { $0.volume.finalizers = [] }) == .nothing)
    }

    @Test func anImageThatMayBeUsedStays() {
        let client = ImageClient(name: "client.4123", address: "10.0.0.5:0/1")
        #expect(VolumePlanner.next(Self.ending { $0.clients = [client] }) == .wait(.clients([client])))
        #expect(VolumePlanner.next(Self.ending { $0.volume.phase = "Bound" }) == .nothing)
        #expect(VolumePlanner.next(Self.ending { $0.claim = Self.claim(2) }) == .nothing)
        #expect(VolumePlanner.next(Self.ending { $0.others = ["other"] }) == .wait(.others(["other"])))
        // Another volume may have been created of which the watch has not told yet.
        #expect(VolumePlanner.next(Self.ending { $0.others = nil }) == .wait(.watch))
    }

    @Test func anAdoptedImageStays() {
        let wait = VolumeStep.wait(.adoption(claim: "shop/orders"))
        #expect(VolumePlanner.next(Self.ending { $0.adopter = "shop/orders" }) == wait)
        // The other volume may be the one that has got the image. It must not be named as one to delete.
        for others in [nil, ["other"]] {
            let situation = Self.ending { situation in
                situation.adopter = "shop/orders"
                situation.others = others
            }
            #expect(VolumePlanner.next(situation) == wait)
        }
        let kept = Self.ending { situation in
            situation.adopter = "shop/orders"
            situation.volume.reclaim = .retain
        }
        #expect(VolumePlanner.next(kept) == .release)
    }

    @Test func onlyTheImageOfTheVolumeGoesToTheTrash() {
        let other = Self.ending(.there(id: "b2", sizeBytes: 1))
        #expect(VolumePlanner.next(other) == .report(.imageReplaced(expected: "a1", found: "b2")))
        let unknown = Self.ending { $0.volume.reclaim = .unknown("yes") }
        #expect(VolumePlanner.next(unknown) == .report(.unknownReclaim("yes")))
        // Even a volume of a pool that is not allowed any more is not released in silence.
        let problem = Problem(.poolNotAllowed, detail: "not allowed", field: "pool")
        let refused = Self.ending { $0.volume.need = .invalid(problem) }
        #expect(VolumePlanner.next(refused) == .report(.invalid(VolumeProblem(detail: "not allowed", hint: nil))))
    }

    // MARK: Volumes that are not understood

    @Test func volumesOfOthersAreNotReported() {
        for code in [ProblemCode.otherCluster, .poolNotAllowed] {
            let problem = Problem(code, detail: "another one", field: "pool")
            var situation = Self.situation { $0.volume.need = .invalid(problem) }
            #expect(VolumePlanner.next(situation) == .nothing)
            situation.volume.insists = true
            let report = VolumeOddity.invalid(VolumeProblem(detail: "another one", hint: nil))
            #expect(VolumePlanner.next(situation) == .report(report))
        }
        let problem = Problem(.invalidPersistentVolume, detail: "it is missing", field: "pool")
        let report = VolumeOddity.invalid(VolumeProblem(detail: "it is missing", hint: nil))
        #expect(VolumePlanner.next(Self.situation { $0.volume.need = .invalid(problem) }) == .report(report))
    }

    /// Whatever the states are, a living volume loses nothing, and nothing of it shrinks.
    @Test func noStateOfALivingVolumeMovesItsImageToTheTrash() {
        let images: [ImageFact?] = [nil, Self.small, Self.large, .beingRemoved, .missing(.lost), .missing(.neverSeen)]
        for image in images {
            for phase in ["Pending", "Available", "Bound", "Released", "Failed"] {
                for reclaim in [WatchedVolume.Reclaim.retain, .trash, .unknown("x")] {
                    for isHeld in [true, false] {
                        let situation = Self.situation(image) { situation in
                            situation.volume.phase = phase
                            situation.volume.reclaim = reclaim
                            situation.volume.finalizers = isHeld ? [Self.finalizer] : []
                        }
                        let step = VolumePlanner.next(situation)
                        if case .moveToTrash = step { Issue.record("\(situation)") }
                        if step == .growImage { #expect(image == Self.small) }
                    }
                }
            }
        }
    }
}
