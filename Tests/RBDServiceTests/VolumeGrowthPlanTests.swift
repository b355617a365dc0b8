// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RBDService

/// How a volume grows with its claim, without Kubernetes and without Ceph.
struct VolumeGrowthPlanTests {
    private typealias Planned = PlannedVolume

    @Test func withoutAClaimOnlyTheImageGrows() {
        #expect(VolumePlanner.next(Planned.situation(Planned.small)) == .growImage)
    }

    /// The volume is new: the controller that binds the claim has not yet written its status.
    @Test func aClaimThatHasNothingYetDoesNotGrow() {
        var claim = Planned.claim(2)
        claim.capacityBytes = nil
        for isBlock in [false, true] {
            let situation = Planned.situation { situation in
                situation.volume.isBlock = isBlock
                situation.claim = claim
            }
            #expect(VolumePlanner.next(situation) == .nothing)
        }
        #expect(VolumePlanner.next(Planned.situation(Planned.small) { $0.claim = claim }) == .growImage)
    }

    @Test func theClaimSaysFirstThatTheVolumeGrows() {
        let begun: [WatchedClaim] = [
            Planned.claim(1, allocated: 2, "ControllerResizeInProgress", ["Resizing"]),
            Planned.claim(1, allocated: 2, "ControllerResizeInProgress"),
            // API servers that drop the newer fields, or one of them.
            Planned.claim(1, nil, ["Resizing"]),
            Planned.claim(1, allocated: 2, nil, ["Resizing"]),
        ]
        for claim in begun {
            #expect(VolumePlanner.next(Planned.situation(Planned.small) { $0.claim = claim }) == .growImage)
        }
        let others: [WatchedClaim] = [
            Planned.claim(1),
            Planned.claim(1, allocated: 3, "ControllerResizeInProgress", ["Resizing"]),
            Planned.claim(1, allocated: 2, "ControllerResizeInfeasible", ["Resizing"]),
            Planned.claim(1, allocated: 1, "NodeResizePending", ["FileSystemResizePending"]),
            Planned.claim(1, nil, ["FileSystemResizePending"]),
            Planned.claim(1, allocated: 3, nil, ["Resizing"]),
            // A claim that says more than its image has would never have its file system grown.
            Planned.claim(2, allocated: 2, "ControllerResizeInProgress", ["Resizing"]),
            Planned.claim(2),
        ]
        for claim in others {
            #expect(
                VolumePlanner.next(Planned.situation(Planned.small) { $0.claim = claim }) == .beginGrowth,
                "\(claim)"
            )
        }
    }

    @Test func theNodeGrowsTheFileSystem() {
        let before: [WatchedClaim] = [
            Planned.claim(1),
            Planned.claim(1, allocated: 2, "ControllerResizeInProgress", ["Resizing"]),
            // The CSI driver's own resizer has tried, and can't do it.
            Planned.claim(1, allocated: 2, "ControllerResizeInfeasible", ["ControllerResizeError"]),
            Planned.claim(1, allocated: 1, "NodeResizePending", ["FileSystemResizePending"]),
            Planned.claim(1, nil, ["Resizing"]),
        ]
        for claim in before {
            #expect(VolumePlanner.next(Planned.situation { $0.claim = claim }) == .leaveToNode, "\(claim)")
        }
        let after: [WatchedClaim] = [
            Planned.claim(1, allocated: 2, "NodeResizePending", ["FileSystemResizePending"]),
            Planned.claim(1, allocated: 2, "NodeResizeInProgress"),
            Planned.claim(1, allocated: 1, "NodeResizeInProgress"),
            Planned.claim(1, allocated: 2, "NodeResizeInfeasible"),
            Planned.claim(1, nil, ["FileSystemResizePending"]),
        ]
        for claim in after {
            #expect(VolumePlanner.next(Planned.situation { $0.claim = claim }) == .nothing, "\(claim)")
        }
    }

    @Test func aBlockVolumeHasNoFileSystemToGrow() {
        let claim = Planned.claim(1, allocated: 2, "ControllerResizeInProgress", ["Resizing"])
        let situation = Planned.situation { situation in
            situation.volume.isBlock = true
            situation.claim = claim
        }
        #expect(VolumePlanner.next(situation) == .finishGrowth)
    }

    @Test func leftoversAreCleared() {
        let leftovers: [WatchedClaim] = [
            Planned.claim(2, allocated: 3, "ControllerResizeInProgress", ["Resizing"]),
            Planned.claim(2, allocated: 3, "ControllerResizeInfeasible"),
            Planned.claim(2, allocated: 2, "NodeResizePending", ["FileSystemResizePending"]),
            Planned.claim(2, nil, ["Resizing"]),
        ]
        for claim in leftovers {
            #expect(VolumePlanner.next(Planned.situation { $0.claim = claim }) == .finishGrowth, "\(claim)")
        }
        let busy = Planned.claim(2, allocated: 2, "NodeResizeInProgress")
        #expect(VolumePlanner.next(Planned.situation { $0.claim = busy }) == .nothing)
    }

    @Test func aClaimAloneDoesNotMakeAVolumeGrow() {
        var claim = Planned.claim(2, allocated: 4, "ControllerResizeInfeasible")
        claim.requestBytes = 4 * Planned.gibibyte
        let step = VolumePlanner.next(Planned.situation { $0.claim = claim })
        #expect(step == .report(.claimAsksMore(bytes: 4 * Planned.gibibyte)))
    }
}
