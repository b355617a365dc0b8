// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RBDService

final class OperationQueueTests {
    private var clock = ContinuousClock.now

    private func queue(perPool: Int, _ owners: [String?], pool: String = "p") -> OperationQueue {
        var queue = OperationQueue(perPool: perPool, beginners: 1)
        for (number, owner) in owners.enumerated() {
            queue.enqueue(.init(id: "\(owner ?? "-")\(number)", owner: owner, pool: pool))
        }
        return queue
    }

    /// Takes the operations one after the other, so slowly that no turn delays the next one.
    private func take(_ queue: inout OperationQueue) -> [String] {
        var ids: [String] = []
        clock += .seconds(2)
        while let entry = queue.next(at: clock) {
            ids.append(entry.id)
            clock += .seconds(2)
        }
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

    /// Long operations of one owner do not delay others.
    @Test func whoHasLittleAtWorkNeedNotWait() {
        var queue = queue(perPool: 4, Array(repeating: "a", count: 8))
        #expect(take(&queue).count == 4)
        for (number, owner) in ["b", "b", "b", "c"].enumerated() {
            queue.enqueue(.init(id: "\(owner)\(number)", owner: owner, pool: "p"))
        }
        // Each owner may use half of the places, and there are as many again for all.
        #expect(take(&queue) == ["b0", "c3", "b1"])
        queue.enqueue(.init(id: "d", owner: "d", pool: "p"))
        #expect(take(&queue) == ["d"])
        queue.enqueue(.init(id: "e", owner: "e", pool: "p"))
        #expect(take(&queue) == [])
        queue.ended("b0")
        #expect(take(&queue) == ["e"])
    }

    /// The same applies while others only send requests.
    @Test func besideOthersOneOperationIsBegunAtATime() {
        let now = ContinuousClock.now
        var queue = OperationQueue(perPool: 4, beginners: 4)
        func ask(_ id: String, _ owner: String?, at moment: ContinuousClock.Instant) {
            queue.enqueue(.init(id: id, owner: owner, pool: "p"), asked: moment)
        }
        func take(at moment: ContinuousClock.Instant) -> [String] {
            var ids: [String] = []
            while let entry = queue.next(at: moment) { ids.append(entry.id) }
            return ids
        }
        ask("b0", "b", at: now)
        for number in 0..<6 { ask("a\(number)", "a", at: now) }
        ask("n0", nil, at: now)
        #expect(take(at: now) == ["b0", "a0", "n0"])
        queue.ended("a0")
        #expect(take(at: now + .milliseconds(900)) == ["a1"])
        // No other owner has sent a request for a while.
        #expect(take(at: now + .seconds(2)) == ["a2"])
        queue.ended("b0")
        queue.ended("n0")
        #expect(take(at: now + .milliseconds(2500)) == ["a3", "a4"])
        // An owner that sends one request after the other counts as present all the time.
        ask("b1", "b", at: now + .seconds(3))
        #expect(take(at: now + .seconds(3)) == ["b1"])
        for id in ["a1", "a2", "a3"] { queue.ended(id) }
        #expect(take(at: now + .seconds(3)) == [])
        queue.ended("a4")
        #expect(take(at: now + .seconds(3)) == ["a5"])
        // An operation that takes longer than a moment does not delay others of its owner.
        ask("a6", "a", at: now + .seconds(3))
        ask("b2", "b", at: now + .seconds(4))
        #expect(take(at: now + .milliseconds(3900)) == [])
        #expect(take(at: now + .milliseconds(4100)) == ["a6", "b2"])
    }

    /// Owners with many short operations take turns with owners of one operation.
    @Test func besideOthersOperationsAreBegunOneAfterTheOther() {
        let now = ContinuousClock.now
        var queue = OperationQueue(perPool: 4, beginners: 1)
        func ask(_ id: String, _ owner: String?, pool: String = "p", at moment: ContinuousClock.Instant) {
            queue.enqueue(.init(id: id, owner: owner, pool: pool), asked: moment)
        }
        func take(after milliseconds: Int) -> [String] {
            var ids: [String] = []
            while let entry = queue.next(at: now + .milliseconds(milliseconds)) { ids.append(entry.id) }
            return ids
        }
        for owner in ["b", "a"] {
            for number in 0..<3 { ask("\(owner)\(number)", owner, at: now) }
        }
        ask("a3", "a", pool: "other", at: now)
        #expect(take(after: 0) == ["b0"])
        #expect(queue.nextLook(after: now) == now + .milliseconds(100))
        queue.ended("b0", at: now + .milliseconds(10))
        #expect(take(after: 15) == ["a0"])
        #expect(take(after: 40) == [])
        // The operation came later than all of the other owner's, in both pools.
        queue.ended("a0", at: now + .milliseconds(50))
        #expect(take(after: 50) == ["b1"])
        #expect(take(after: 149) == [])
        // An owner whose operation takes longer has had its turn.
        #expect(take(after: 150) == ["a1"])
        #expect(take(after: 250) == ["a3"])
        #expect(take(after: 500) == [])
        queue.ended("a1", at: now + .milliseconds(500))
        // The owner rests.
        #expect(take(after: 599) == [])
        #expect(take(after: 610) == ["a2"])
        // An owner with waiting operations still counts as present.
        ask("b3", "b", at: now + .milliseconds(620))
        for number in 4..<8 { ask("a\(number)", "a", at: now + .milliseconds(1600)) }
        queue.ended("b1", at: now + .milliseconds(1600))
        #expect(take(after: 1720) == ["b2"])
        #expect(take(after: 1821) == ["a4"])
        queue.ended("b2", at: now + .milliseconds(1850))
        queue.ended("a4", at: now + .milliseconds(1850))
        // Both owners rest.
        #expect(take(after: 1860) == [])
        #expect(take(after: 1951) == ["b3"])
    }

    @Test func whoHasButOneOperationToDoBeginsBesideTheOthers() {
        let now = ContinuousClock.now
        var queue = OperationQueue(perPool: 8, beginners: 1)
        func ask(_ id: String, at milliseconds: Int) {
            queue.enqueue(
                .init(id: id, owner: String(id.prefix(1)), pool: "p"),
                asked: now + .milliseconds(milliseconds)
            )
        }
        func take(after milliseconds: Int) -> [String] {
            var ids: [String] = []
            while let entry = queue.next(at: now + .milliseconds(milliseconds)) { ids.append(entry.id) }
            return ids
        }
        func end(_ id: String, after milliseconds: Int) { queue.ended(id, at: now + .milliseconds(milliseconds)) }
        ask("b0", at: 0)
        #expect(take(after: 0) == ["b0"])
        end("b0", after: 5)
        for number in 0..<3 { ask("a\(number)", at: 5) }
        #expect(take(after: 5) == ["a0"])
        ask("b1", at: 6)
        #expect(take(after: 6) == ["b1"])
        // As many again may begin, and no more.
        ask("c0", at: 7)
        #expect(take(after: 7) == [])
        end("b1", after: 10)
        #expect(take(after: 10) == ["c0"])
        end("c0", after: 20)
        // No operation of the owner waited when this one ended, so it does not rest.
        ask("b2", at: 20)
        #expect(take(after: 20) == ["b2"])
        end("a0", after: 30)
        #expect(take(after: 56) == [])
        end("b2", after: 56)
        #expect(take(after: 56) == ["a1"])
    }

    @Test func besideOthersWhoeverHadHisTurnRestsForAsLongAsItTook() {
        let now = ContinuousClock.now
        var queue = OperationQueue(perPool: 4, beginners: 2)
        func next(after milliseconds: Int) -> String? { queue.next(at: now + .milliseconds(milliseconds))?.id }
        for id in ["a0", "a1", "b0"] {
            queue.enqueue(.init(id: id, owner: String(id.prefix(1)), pool: "p"), asked: now)
        }
        #expect(next(after: 0) == "a0")
        #expect(next(after: 0) == "b0")
        queue.ended("a0", at: now + .milliseconds(30))
        #expect(next(after: 59) == nil)
        #expect(queue.nextLook(after: now + .milliseconds(30)) == now + .milliseconds(60))
        #expect(next(after: 60) == "a1")
        // No other owner sends requests any more.
        queue.enqueue(.init(id: "a2", owner: "a", pool: "p"))
        queue.ended("a1", at: now + .milliseconds(1500))
        #expect(next(after: 1501) == "a2")
    }

    @Test func poolsHavePlacesOfTheirOwnAndNothingIsTakenTwice() {
        var queue = queue(perPool: 1, ["a", "a"])
        queue.enqueue(.init(id: "a0", owner: "a", pool: "p"))
        #expect(queue.backlog(of: "p") == 2)
        queue.enqueue(.init(id: "x", owner: "a", pool: "other"))
        #expect(take(&queue) == ["a0", "x"])
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

    @Test func whatIsNotNeededAfterAllIsGivenBackOnce() {
        let budget = MemoryBudget(bytes: 100)
        var share = budget.take(50, for: "a")
        share?.shrink(to: 20)
        #expect(budget.used == 20)
        share?.shrink(to: 60)
        #expect(budget.used == 20)
        share = nil
        #expect(budget.used == 0)
        #expect(share == nil)
        // The caller's half is free again, too.
        let whole = budget.take(50, for: "a")
        #expect(whole != nil)
        withExtendedLifetime(whole) {}
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

    /// Otherwise, it would never be admitted.
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
