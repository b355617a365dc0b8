// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI
import Testing

@testable import RBDService

/// What the controller does next, without Kubernetes and without Ceph.
struct VolumePlannerTests {
    private typealias Planned = PlannedVolume

    // MARK: Images

    @Test func nothingIsDoneAboutAVolumeThatIsAsItShouldBe() {
        #expect(VolumePlanner.next(Planned.situation()) == .nothing)
        #expect(VolumePlanner.next(Planned.situation { $0.claim = Planned.claim(2) }) == .nothing)
        #expect(VolumePlanner.next(Planned.situation { $0.volume.need = .nothing }) == .nothing)
        let huge = ImageFact.there(id: "a1", sizeBytes: 99 * Planned.gibibyte)
        #expect(VolumePlanner.next(Planned.situation(huge) { $0.claim = Planned.claim(2) }) == .nothing)
    }

    @Test(arguments: ["Pending", "Available", "Bound"])
    func aMissingImageIsCreated(phase: String) {
        let situation = Planned.situation(.missing(.neverSeen)) { $0.volume.phase = phase }
        #expect(VolumePlanner.next(situation) == .createImage)
    }

    @Test(arguments: ["Released", "Failed"])
    func nothingIsCreatedForAVolumeThatNobodyCanUse(phase: String) {
        let situation = Planned.situation(.missing(.neverSeen)) { $0.volume.phase = phase }
        #expect(VolumePlanner.next(situation) == .nothing)
    }

    @Test func anImageThatWasThereIsNotCreatedAgain() {
        #expect(VolumePlanner.next(Planned.situation(.missing(.lost))) == .report(.imageLost))
        let trashed = Planned.situation(.missing(.inTrash(id: "a1")))
        #expect(VolumePlanner.next(trashed) == .report(.imageInTrash(id: "a1")))
        #expect(VolumePlanner.next(Planned.situation(.beingRemoved)) == .report(.imageBeingRemoved))
    }

    // MARK: Holding

    /// The next leader would otherwise take a volume that has lost its image for one that never had one.
    @Test func eachVolumeSaysWhichImageItHas() {
        for phase in ["Available", "Bound", "Released"] {
            // Before it grows, which may fail for hours.
            for image in [Planned.large, Planned.small] {
                let situation = Planned.situation(image) { situation in
                    situation.volume.imageID = nil
                    situation.volume.phase = phase
                }
                #expect(VolumePlanner.next(situation) == .remember(imageID: "a1"))
            }
        }
        let old = ImageFact.there(id: "", sizeBytes: 2 * Planned.gibibyte)
        #expect(VolumePlanner.next(Planned.situation(old) { $0.volume.imageID = nil }) == .nothing)
        #expect(VolumePlanner.next(Planned.situation(old)) == .nothing)
        // Its user has decided for another image. Nothing is ever done to the former one.
        #expect(VolumePlanner.next(Planned.situation { $0.volume.imageID = "b2" }) == .remember(imageID: "a1"))
        // One patch is enough.
        let held = Planned.situation { situation in
            situation.volume.imageID = nil
            situation.volume.reclaim = .trash
        }
        #expect(VolumePlanner.next(held) == .hold(imageID: "a1"))
    }

    @Test func aVolumeThatIsToGoToTheTrashIsHeld() {
        func next(_ change: (inout VolumeSituation) -> Void) -> VolumeStep {
            VolumePlanner.next(Planned.situation(Planned.large, change))
        }
        #expect(next { $0.volume.reclaim = .trash } == .hold(imageID: "a1"))
        #expect(next { Planned.trash(&$0) } == .nothing)
        // Its user has accepted another image by removing the annotation.
        #expect(
            next { situation in
                Planned.trash(&situation)
                situation.volume.imageID = nil
            } == .hold(imageID: "a1")
        )
        #expect(
            next { situation in
                Planned.trash(&situation)
                situation.volume.imageID = "b2"
            } == .report(.imageReplaced(expected: "b2", found: "a1"))
        )
    }

    @Test func aVolumeIsHeldBeforeItGrows() {
        #expect(
            VolumePlanner.next(Planned.situation(Planned.small) { $0.volume.reclaim = .trash }) == .hold(imageID: "a1")
        )
        #expect(VolumePlanner.next(Planned.situation(Planned.small) { Planned.trash(&$0) }) == .growImage)
    }

    @Test func aVolumeThatIsNotHeldForAnythingIsReleased() {
        func next(_ change: (inout VolumeSituation) -> Void) -> VolumeStep {
            VolumePlanner.next(
                Planned.situation { situation in
                    Planned.trash(&situation)
                    change(&situation)
                }
            )
        }
        #expect(next { $0.volume.reclaim = .retain } == .release)
        #expect(next { $0.volume.need = .nothing } == .release)
        for code in [ProblemCode.otherCluster, .poolNotAllowed, .invalidPersistentVolume] {
            let problem = Problem(code, detail: "another one", field: "pool")
            let step = next { situation in
                situation.volume.reclaim = .retain
                situation.volume.need = .invalid(problem)
            }
            #expect(step == .release)
        }
        #expect(next { $0.volume.reclaim = .unknown("Trash") } == .report(.unknownReclaim("Trash")))
    }

    @Test func theReclaimPolicyDeleteWorks() {
        func next(_ change: (inout VolumeSituation) -> Void) -> VolumeStep {
            VolumePlanner.next(
                Planned.situation { situation in
                    Planned.trash(&situation)
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
        #expect(next { $0.claim = Planned.claim(2) } == .nothing)
        #expect(next { $0.volume.endsWithClaim = false } == .nothing)
        // Never before the volume is held.
        #expect(next { $0.volume.finalizers = [] } == .hold(imageID: "a1"))
        #expect(next { $0.volume.reclaim = .retain } == .release)
    }

    // MARK: The end

    @Test func theImageOfADeletedVolumeGoesToTheTrash() {
        #expect(VolumePlanner.next(Planned.ending()) == .moveToTrash(imageID: "a1"))
        #expect(VolumePlanner.next(Planned.ending { $0.clients = [] }) == .moveToTrash(imageID: "a1"))
    }

    @Test func theVolumeIsHeldUntilTheImageIsInTheTrash() {
        #expect(VolumePlanner.next(Planned.ending(.missing(.inTrash(id: "a1")))) == .release)
        #expect(VolumePlanner.next(Planned.ending(.missing(.neverSeen))) == .release)
        #expect(VolumePlanner.next(Planned.ending(.beingRemoved)) == .release)
        #expect(VolumePlanner.next(Planned.ending { $0.volume.reclaim = .retain }) == .release)
        #expect(VolumePlanner.next(Planned.ending { $0.volume.need = .nothing }) == .release)
        #expect(VolumePlanner.next(Planned.ending { $0.volume.finalizers = [] }) == .nothing)
    }

    @Test func anImageThatMayBeUsedStays() {
        let client = ImageClient(name: "client.4123", address: "10.0.0.5:0/1")
        #expect(VolumePlanner.next(Planned.ending { $0.clients = [client] }) == .wait(.clients([client])))
        #expect(VolumePlanner.next(Planned.ending { $0.volume.phase = "Bound" }) == .nothing)
        #expect(VolumePlanner.next(Planned.ending { $0.claim = Planned.claim(2) }) == .nothing)
        #expect(VolumePlanner.next(Planned.ending { $0.others = ["other"] }) == .wait(.others(["other"])))
        // Another volume may have been created of which the watch has not told yet.
        #expect(VolumePlanner.next(Planned.ending { $0.others = nil }) == .wait(.watch))
    }

    @Test func anAdoptedImageStays() {
        let wait = VolumeStep.wait(.adoption(claim: "shop/orders"))
        #expect(VolumePlanner.next(Planned.ending { $0.adopter = "shop/orders" }) == wait)
        // The other volume may be the one that has got the image. It must not be named as one to delete.
        for others in [nil, ["other"]] {
            let situation = Planned.ending { situation in
                situation.adopter = "shop/orders"
                situation.others = others
            }
            #expect(VolumePlanner.next(situation) == wait)
        }
        let kept = Planned.ending { situation in
            situation.adopter = "shop/orders"
            situation.volume.reclaim = .retain
        }
        #expect(VolumePlanner.next(kept) == .release)
    }

    @Test func onlyTheImageOfTheVolumeGoesToTheTrash() {
        let other = Planned.ending(.there(id: "b2", sizeBytes: 1))
        #expect(VolumePlanner.next(other) == .report(.imageReplaced(expected: "a1", found: "b2")))
        let unknown = Planned.ending { $0.volume.reclaim = .unknown("yes") }
        #expect(VolumePlanner.next(unknown) == .report(.unknownReclaim("yes")))
        // Even a volume of a pool that is not allowed any more is not released in silence.
        let problem = Problem(.poolNotAllowed, detail: "not allowed", field: "pool")
        let refused = Planned.ending { $0.volume.need = .invalid(problem) }
        #expect(VolumePlanner.next(refused) == .report(.invalid(VolumeProblem(detail: "not allowed", hint: nil))))
    }

    // MARK: Volumes that are not understood

    @Test func volumesOfOthersAreNotReported() {
        for code in [ProblemCode.otherCluster, .poolNotAllowed] {
            let problem = Problem(code, detail: "another one", field: "pool")
            var situation = Planned.situation { $0.volume.need = .invalid(problem) }
            #expect(VolumePlanner.next(situation) == .nothing)
            situation.volume.insists = true
            let report = VolumeOddity.invalid(VolumeProblem(detail: "another one", hint: nil))
            #expect(VolumePlanner.next(situation) == .report(report))
        }
        let problem = Problem(.invalidPersistentVolume, detail: "it is missing", field: "pool")
        let report = VolumeOddity.invalid(VolumeProblem(detail: "it is missing", hint: nil))
        #expect(VolumePlanner.next(Planned.situation { $0.volume.need = .invalid(problem) }) == .report(report))
    }

    /// Whatever the states are, a living volume loses nothing, and nothing of it shrinks.
    @Test func noStateOfALivingVolumeMovesItsImageToTheTrash() {
        let images: [ImageFact?] = [
            nil, Planned.small, Planned.large, .beingRemoved, .missing(.lost), .missing(.neverSeen),
        ]
        for image in images {
            for phase in ["Pending", "Available", "Bound", "Released", "Failed"] {
                for reclaim in [WatchedVolume.Reclaim.retain, .trash, .unknown("x")] {
                    for isHeld in [true, false] {
                        let situation = Planned.situation(image) { situation in
                            situation.volume.phase = phase
                            situation.volume.reclaim = reclaim
                            situation.volume.finalizers = isHeld ? [Planned.finalizer] : []
                        }
                        let step = VolumePlanner.next(situation)
                        if case .moveToTrash = step { Issue.record("\(situation)") }
                        if step == .growImage { #expect(image == Planned.small) }
                    }
                }
            }
        }
    }
}
