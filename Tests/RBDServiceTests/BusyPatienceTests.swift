// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RBDService

/// How long an operation waits for an image that is in use, with a simulated clock.
@Suite(.timeLimit(.minutes(5)))
struct BusyPatienceTests {
    private let start = ContinuousClock.now
    private var patience = BusyPatience()

    /// The time counts from the first such answer, because the operation may have run for hours before.
    @Test mutating func strangersHaveAMinute() async {
        #expect(await !patience.isExhausted(at: start, isOurs: { false }))
        #expect(await !patience.isExhausted(at: start + .seconds(59), isOurs: { false }))
        #expect(await patience.isExhausted(at: start + .seconds(60), isOurs: { false }))
    }

    @Test mutating func replicasHaveTenMinutes() async {
        #expect(await !patience.isExhausted(at: start, isOurs: { true }))
        #expect(await !patience.isExhausted(at: start + .seconds(599), isOurs: { true }))
        #expect(await patience.isExhausted(at: start + .seconds(600), isOurs: { true }))
    }

    @Test mutating func aStrangerAfterAReplicaIsAFailure() async {
        #expect(await !patience.isExhausted(at: start, isOurs: { true }))
        #expect(await !patience.isExhausted(at: start + .seconds(90), isOurs: { true }))
        #expect(await patience.isExhausted(at: start + .seconds(95), isOurs: { false }))
    }

    @Test mutating func whatGoesOnMeanwhileBeginsItAnew() async {
        #expect(await !patience.isExhausted(at: start, isOurs: { false }))
        patience.renew()
        #expect(await !patience.isExhausted(at: start + .seconds(70), isOurs: { false }))
        #expect(await !patience.isExhausted(at: start + .seconds(129), isOurs: { false }))
        #expect(await patience.isExhausted(at: start + .seconds(130), isOurs: { false }))
    }
}
