// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RBDService

struct OperationQueueTests {
    private func queue(perPool: Int, _ owners: [String?], pool: String = "p") -> OperationQueue {
        var queue = OperationQueue(perPool: perPool)
        for (number, owner) in owners.enumerated() {
            queue.enqueue(.init(id: "\(owner ?? "-")\(number)", owner: owner, pool: pool))
        }
        return queue
    }

    private func take(_ queue: inout OperationQueue, from pool: String = "p") -> [String] {
        var ids: [String] = []
        while let entry = queue.next(of: pool) { ids.append(entry.id) }
        return ids
    }

    @Test func oneOwnerHasAllPlacesInOrder() {
        for owner in ["a", nil] {
            var queue = queue(perPool: 4, Array(repeating: owner, count: 6))
            let name = owner ?? "-"
            #expect(take(&queue) == ["\(name)0", "\(name)1", "\(name)2", "\(name)3"])
            #expect(queue.backlog(of: "p") == 2)
            queue.ended("\(name)2")
            #expect(take(&queue) == ["\(name)4"])
        }
    }

    @Test func ownersTakeTurns() {
        var queue = queue(perPool: 4, ["a", "a", "a", "a", "b", "b", "c"])
        #expect(take(&queue) == ["a0", "b4", "c6", "a1", "b5"])
    }

    /// Long work of one owner keeps nobody waiting.
    @Test func whoHasLittleAtWorkNeedNotWait() {
        var queue = queue(perPool: 4, Array(repeating: "a", count: 8))
        #expect(take(&queue).count == 4)
        for (number, owner) in ["b", "b", "b", "c"].enumerated() {
            queue.enqueue(.init(id: "\(owner)\(number)", owner: owner, pool: "p"))
        }
        // Half of the places are there for each of them, and as many again for all.
        #expect(take(&queue) == ["b0", "c3", "b1"])
        queue.enqueue(.init(id: "d", owner: "d", pool: "p"))
        #expect(take(&queue) == ["d"])
        queue.enqueue(.init(id: "e", owner: "e", pool: "p"))
        #expect(take(&queue) == [])
        queue.ended("b0")
        #expect(take(&queue) == ["e"])
    }

    /// As long as others ask, too.
    @Test func besideOthersOneOperationIsBegunAtATime() {
        let now = ContinuousClock.now
        var queue = OperationQueue(perPool: 4)
        func ask(_ id: String, _ owner: String?, at moment: ContinuousClock.Instant) {
            queue.enqueue(.init(id: id, owner: owner, pool: "p"), asked: moment)
        }
        func take(at moment: ContinuousClock.Instant) -> [String] {
            var ids: [String] = []
            while let entry = queue.next(of: "p", at: moment) { ids.append(entry.id) }
            return ids
        }
        ask("b0", "b", at: now)
        for number in 0..<6 { ask("a\(number)", "a", at: now) }
        ask("n0", nil, at: now)
        #expect(take(at: now) == ["b0", "a0", "n0"])
        queue.ended("a0")
        #expect(take(at: now + .milliseconds(900)) == ["a1"])
        // Nobody else has asked for a while.
        #expect(take(at: now + .seconds(2)) == ["a2"])
        queue.ended("b0")
        queue.ended("n0")
        #expect(take(at: now + .milliseconds(2500)) == ["a3", "a4"])
        // Whoever does one thing after the other is there all the time.
        ask("b1", "b", at: now + .seconds(3))
        #expect(take(at: now + .seconds(3)) == ["b1"])
        for id in ["a1", "a2", "a3"] { queue.ended(id) }
        #expect(take(at: now + .seconds(3)) == [])
        queue.ended("a4")
        #expect(take(at: now + .seconds(3)) == ["a5"])
        // What takes longer than a moment keeps nothing else of its owner waiting.
        ask("a6", "a", at: now + .seconds(3))
        ask("b2", "b", at: now + .seconds(4))
        #expect(take(at: now + .milliseconds(3900)) == [])
        #expect(take(at: now + .milliseconds(4100)) == ["a6", "b2"])
    }

    @Test func poolsHavePlacesOfTheirOwnAndNothingIsTakenTwice() {
        var queue = queue(perPool: 1, ["a", "a"])
        queue.enqueue(.init(id: "a0", owner: "a", pool: "p"))
        #expect(queue.backlog(of: "p") == 2)
        queue.enqueue(.init(id: "x", owner: "a", pool: "other"))
        #expect(take(&queue) == ["a0"])
        #expect(take(&queue, from: "other") == ["x"])
        queue.enqueue(.init(id: "a0", owner: "a", pool: "p"))
        #expect(queue.backlog(of: "p") == 1)
        queue.ended("a0")
        #expect(take(&queue) == ["a1"])
    }
}

struct MemoryBudgetTests {
    @Test func sharesAreGivenBack() throws {
        let budget = MemoryBudget(bytes: 100)
        var first = budget.take(60, for: nil)
        #expect(first != nil)
        #expect(budget.take(60, for: nil) == nil)
        let second = budget.take(40, for: nil)
        #expect(second != nil)
        #expect(budget.used == 100)
        first = nil
        #expect(budget.used == 40)
        #expect(first == nil)
        withExtendedLifetime(second) {}
    }

    @Test func halfIsForOthers() {
        let budget = MemoryBudget(bytes: 100)
        let one = budget.take(30, for: "a")
        #expect(one != nil)
        #expect(budget.take(30, for: "a") == nil)
        let other = budget.take(50, for: "b")
        #expect(other != nil)
        withExtendedLifetime((one, other)) {}
    }

    /// Or it would never be given at all.
    @Test func whatIsMoreThanAllIsGivenToWhoeverIsAlone() {
        let budget = MemoryBudget(bytes: 100)
        let large = budget.take(500, for: "a")
        #expect(large != nil)
        #expect(budget.take(1, for: "b") == nil)
        withExtendedLifetime(large) {}
        #expect(budget.used == 500)
    }

    @Test func limitsAreRead() throws {
        #expect(MemoryLimit("512MiB")?.bytes == 512 << 20)
        #expect(MemoryLimit("auto") != nil)
        for text in ["", "1MiB", "much", "512MB", "-1"] { #expect(MemoryLimit(text) == nil, "\(text)") }
    }
}
