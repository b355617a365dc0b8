// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI
import Synchronization
import Testing

@testable import RBDService

@Suite(.timeLimit(.minutes(5)))
struct RequestPlacesTests {
    /// A request that is served until the test ends it.
    private final class Request: Sendable {
        let isServed = Mutex(false)
        private let (stream, end) = AsyncStream.makeStream(of: Void.self)
        let task = Mutex<Task<Void, any Error>?>(nil)

        init(_ identity: String?, _ places: RequestPlaces, deadline: ContinuousClock.Instant? = nil) {
            let task = Task {
                try await Deadline.$current.withValue(deadline) {
                    try await places.serve(identity) {
                        isServed.withLock { $0 = true }
                        for await _ in stream {}
                    }
                }
            }
            self.task.withLock { $0 = task }
        }

        func answer() { end.finish() }
        func cancel() { task.withLock { $0?.cancel() } }
        func outcome() async -> Result<Void, any Error>? { await task.withLock { $0 }?.result }
    }

    private static let patient = RequestPlaces.Rules(places: 2, hold: .seconds(3600), memory: .seconds(3600))

    private func requests(_ number: Int, of identity: String?, _ places: RequestPlaces) -> [Request] {
        (0..<number).map { _ in Request(identity, places) }
    }

    private func served(_ requests: [Request]) -> Int { requests.count { $0.isServed.withLock { $0 } } }

    /// Waits until this many requests are served, and exactly the others wait.
    private func wait(for number: Int, of requests: [Request], _ places: RequestPlaces) async throws {
        while served(requests) < number || places.waiting > requests.count - number {
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(served(requests) == number)
    }

    private func end(_ requests: [Request]) async {
        for request in requests { request.answer() }
        for request in requests { _ = await request.outcome() }
    }

    @Test(arguments: ["a", nil]) func whoeverIsAloneHasAllPlaces(identity: String?) async throws {
        let places = RequestPlaces(rules: Self.patient)
        let all = requests(50, of: identity, places)
        try await wait(for: 50, of: all, places)
        await end(all)
        #expect(places.waiting == 0)
    }

    /// If callers are not authenticated, they can't be told apart.
    @Test func whoIsNotKnownNeverWaits() async throws {
        let places = RequestPlaces(rules: Self.patient)
        let known = requests(1, of: "a", places)
        try await wait(for: 1, of: known, places)
        let unknown = requests(20, of: nil, places)
        try await wait(for: 20, of: unknown, places)
        await end(known + unknown)
    }

    @Test func besideOthersEachHasItsPlacesAndTheRestWaitsInOrder() async throws {
        let places = RequestPlaces(rules: Self.patient)
        let modest = requests(1, of: "modest", places)
        try await wait(for: 1, of: modest, places)
        var greedy: [Request] = []
        for number in 1...6 {
            greedy += requests(1, of: "greedy", places)
            while served(greedy) + places.waiting < number { try await Task.sleep(for: .milliseconds(2)) }
        }
        #expect(greedy.map { $0.isServed.withLock { $0 } } == [true, true, false, false, false, false])
        // Other identities do not wait.
        let second = requests(1, of: "modest", places)
        while served(second) == 0 { try await Task.sleep(for: .milliseconds(2)) }
        await end([greedy[1]])
        while served(greedy) < 3 { try await Task.sleep(for: .milliseconds(2)) }
        #expect(greedy.map { $0.isServed.withLock { $0 } } == [true, true, true, false, false, false])
        #expect(places.waiting == 3)
        await end(greedy + modest + second)
        #expect(served(greedy) == 6)
        #expect(places.waiting == 0)
    }

    /// A request that takes long is itself waiting for something, so it does not delay others.
    @Test func aLongRequestGivesItsPlaceUp() async throws {
        let places = RequestPlaces(
            rules: .init(places: 2, hold: .milliseconds(50), memory: .seconds(3600))
        )
        let modest = requests(1, of: "modest", places)
        try await wait(for: 1, of: modest, places)
        let greedy = requests(5, of: "greedy", places)
        try await wait(for: 5, of: greedy, places)
        await end(greedy + modest)
    }

    @Test func anOperationThatBeginsHasAPlaceOfItsOwnersAndNeverWaitsForOne() async throws {
        let places = RequestPlaces(rules: Self.patient)
        let modest = requests(1, of: "modest", places)
        try await wait(for: 1, of: modest, places)
        let operation = requests(1, of: "greedy", places)
        try await wait(for: 1, of: operation, places)
        let greedy = await places.occupied(by: "greedy") {
            await places.occupied(by: "greedy") {}
            let greedy = requests(3, of: "greedy", places)
            while places.waiting < 3 { try? await Task.sleep(for: .milliseconds(2)) }
            #expect(served(greedy) == 0)
            return greedy
        }
        try await wait(for: 1, of: greedy, places)
        await end(operation + greedy + modest)
    }

    @Test func whenTheOthersHaveGoneAllAreServed() async throws {
        let places = RequestPlaces(
            rules: .init(places: 2, hold: .seconds(3600), memory: .milliseconds(300))
        )
        await end(requests(1, of: "modest", places))
        let greedy = requests(5, of: "greedy", places)
        try await wait(for: 5, of: greedy, places)
        await end(greedy)
    }

    @Test func aRequestIsRefusedAtItsDeadlineAndForgottenWhenItIsCancelled() async throws {
        let places = RequestPlaces(rules: Self.patient)
        let others = requests(1, of: "modest", places)
        try await wait(for: 1, of: others, places)
        let greedy = requests(2, of: "greedy", places)
        try await wait(for: 2, of: greedy, places)
        let late = Request("greedy", places, deadline: .now + .milliseconds(30))
        let cancelled = Request("greedy", places)
        while places.waiting < 2 { try await Task.sleep(for: .milliseconds(2)) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.outcome()?.get() }
        let problem = await #expect(throws: Problem.self) { try await late.outcome()?.get() }
        #expect(problem?.code == ProblemCode.overloaded.rawValue)
        #expect(served([late, cancelled]) == 0)
        #expect(places.waiting == 0)
        await end(others + greedy)
    }
}
