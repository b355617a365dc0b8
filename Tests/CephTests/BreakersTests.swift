// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import Testing

@testable import Ceph

struct BreakersTests {
    private let sick = CallScope.pool("sick")
    private let image = CephError.Resource.image(ImageSpec(pool: "sick", image: "vol-1"))

    private func timeout(_ operation: CephError.Operation = .readImage, errno: CInt? = nil) -> CephError {
        CephError(.timedOut, operation, on: image, errno: errno)
    }

    private func isRefused(_ breakers: Breakers, _ scope: CallScope) -> CephError.Code? {
        do {
            try breakers.admit(scope, .readImage, on: image)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func opensAfterTimeoutsInARowAndOnlyThen() {
        let breakers = Breakers(threshold: 3)
        for _ in 0..<10 {
            breakers.record(sick, timeout())
            breakers.record(sick, timeout())
            // Any answer counts as success. Even "image not found" shows that the OSD answers.
            breakers.record(sick, CephError(.imageNotFound, .readImage, on: image))
        }
        #expect(isRefused(breakers, sick) == nil)
        #expect(breakers.snapshot.isEmpty)
        for _ in 0..<3 { breakers.record(sick, timeout()) }
        #expect(isRefused(breakers, sick) == .poolUnavailable)
        #expect(isRefused(breakers, .pool("well")) == nil)
        #expect(isRefused(breakers, .monitors) == nil)
        #expect(breakers.snapshot == [.init(scope: sick, state: .open, openings: 1)])
    }

    @Test func theMonitorsBreakerSpeaksOfTheCluster() {
        let breakers = Breakers(threshold: 1)
        breakers.record(.monitors, timeout(.listPools))
        #expect(isRefused(breakers, .monitors) == .clusterUnreachable)
        #expect(isRefused(breakers, sick) == nil)
    }

    @Test func aLongRemovalIsNoSilence() {
        let breakers = Breakers(threshold: 1)
        breakers.record(sick, timeout(.removeImage))
        #expect(isRefused(breakers, sick) == nil)
        breakers.record(sick, timeout(.removeImage, errno: 110))
        #expect(isRefused(breakers, sick) == .poolUnavailable)
    }

    @Test func aCallersOwnShortDeadlineIsNoSilence() {
        let breakers = Breakers(threshold: 2, patience: .seconds(10))
        for _ in 0..<10 { breakers.record(sick, timeout(), after: .seconds(1)) }
        #expect(isRefused(breakers, sick) == nil)
        for _ in 0..<2 { breakers.record(sick, timeout(), after: .seconds(10)) }
        #expect(isRefused(breakers, sick) == .poolUnavailable)
    }

    @Test func cephsOwnTimeoutIsOneHoweverSoonItComes() {
        let breakers = Breakers(threshold: 1, patience: .seconds(10))
        breakers.record(sick, timeout(errno: 110), after: .seconds(1))
        #expect(isRefused(breakers, sick) == .poolUnavailable)
    }

    @Test(arguments: [CephError.Code.notStarted, .overloaded, .shutDown, .clientBlocklisted])
    func whatNeverReachedThePoolSaysNothingOfIt(code: CephError.Code) {
        let breakers = Breakers(threshold: 2)
        breakers.record(sick, timeout())
        breakers.record(sick, CephError(code, .readImage, on: image))
        #expect(isRefused(breakers, sick) == nil)
        breakers.record(sick, timeout())
        #expect(isRefused(breakers, sick) == .poolUnavailable)
    }

    @Test func sendsOneProbeAtATimeAndClosesOnAnAnswer() throws {
        let breakers = Breakers(threshold: 1, interval: .seconds(1))
        let start = ContinuousClock.now
        breakers.record(sick, timeout())
        let due = breakers.takeDueProbes(at: start + .milliseconds(1))
        #expect(due == [Breakers.Probe(scope: sick, image: image.image)])
        #expect(breakers.takeDueProbes(at: start + .seconds(100)).isEmpty)
        #expect(isRefused(breakers, sick) == .poolUnavailable)
        breakers.probeEnded(sick, hasAnswered: false)
        #expect(isRefused(breakers, sick) == .poolUnavailable)
        #expect(breakers.takeDueProbes(at: start + .milliseconds(2)).isEmpty)
        #expect(breakers.takeDueProbes(at: start + .seconds(100)).count == 1)
        breakers.probeEnded(sick, hasAnswered: true)
        #expect(isRefused(breakers, sick) == nil)
        #expect(breakers.snapshot == [.init(scope: sick, state: .closed, openings: 1)])
        // The count starts again.
        breakers.record(sick, timeout())
        #expect(breakers.snapshot.first?.openings == 2)
    }

    @Test func manyNamesDoNotFillTheMemory() {
        let breakers = Breakers(threshold: 2)
        for number in 0..<5_000 { breakers.record(.pool("pool-\(number)"), timeout()) }
        breakers.record(sick, timeout())
        breakers.record(sick, timeout())
        #expect(breakers.count <= 1_000)
        #expect(isRefused(breakers, sick) == .poolUnavailable)
    }
}
