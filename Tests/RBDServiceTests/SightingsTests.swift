// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RBDService

/// When a replica considers another one dead.
struct SightingsTests {
    private let session = Sightings.Session(pool: "rbd", id: "s1")
    private let start = ContinuousClock.now
    private let lease = Duration.seconds(8)

    private func see(
        _ sightings: inout Sightings,
        at seconds: Double,
        _ value: [UInt8] = [1],
        taking time: Duration = .milliseconds(1)
    ) -> Bool {
        let asked = start + .milliseconds(Int(seconds * 1000))
        return sightings.see(session, value, lease: lease, asked: asked, answered: asked + time)
    }

    @Test func itIsDeadWhenItWasSeenUnchangedForAWholeLease() {
        var sightings = Sightings()
        for seconds in [0.0, 2, 4, 6] { #expect(!see(&sightings, at: seconds)) }
        #expect(see(&sightings, at: 8.1))
    }

    @Test func eachSignOfLifeBeginsTheLeaseAnew() {
        var sightings = Sightings()
        for (number, seconds) in [0.0, 2, 4, 6, 8, 10, 12].enumerated() {
            #expect(!see(&sightings, at: seconds, [UInt8(number / 2)]))
        }
        #expect(!see(&sightings, at: 14, [3]))
        #expect(sightings.patience(with: session, lease: lease, now: start + .seconds(14)) > .seconds(5))
    }

    /// A replica that was stopped itself has seen nothing meanwhile.
    @Test func whileNobodyLooksNoTimeCounts() {
        var sightings = Sightings()
        #expect(!see(&sightings, at: 0))
        #expect(!see(&sightings, at: 60))
        for seconds in [62.0, 64, 66] { #expect(!see(&sightings, at: seconds)) }
        #expect(see(&sightings, at: 68.1))
    }

    /// While the cluster is slow to answer this replica, the other one's signs of life may be late, too.
    @Test func whileAnswersAreSlowNoTimeCounts() {
        var sightings = Sightings()
        for seconds in [0.0, 2, 4, 6] { #expect(!see(&sightings, at: seconds)) }
        #expect(!see(&sightings, at: 8, taking: .seconds(3)))
        #expect(!see(&sightings, at: 11.1))
    }

    @Test func sessionsThatAreGoneAreForgotten() {
        var sightings = Sightings()
        for seconds in [0.0, 2, 4, 6] { #expect(!see(&sightings, at: seconds)) }
        sightings.keep([], of: "other")
        #expect(see(&sightings, at: 8.1))
        sightings.keep([], of: "rbd")
        #expect(!see(&sightings, at: 9))
    }
}
