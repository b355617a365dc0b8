// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization
import Testing

@testable import Ceph

struct BlockingPoolTests {
    /// Keeps calls inside the pool until it is opened.
    private final class Gate: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        func wait() {
            semaphore.wait()
            semaphore.signal()
        }
        func open() { semaphore.signal() }
    }

    private func wait(_ pool: BlockingPool, until condition: (BlockingPool.Snapshot) -> Bool) async throws {
        while !condition(pool.snapshot) { try await Task.sleep(for: .milliseconds(1)) }
    }

    @Test func returnsAndThrowsWhatTheCallDoes() async throws {
        let pool = BlockingPool()
        let value = try await pool.run(.readImage, on: .cluster) { () throws(CephError) in 42 }
        #expect(value == 42)
        await #expect(throws: CephError(.imageExists, .createImage, on: .cluster)) {
            try await pool.run(.createImage, on: .cluster) { () throws(CephError) in
                throw CephError(.imageExists, .createImage, on: .cluster)
            }
        }
        pool.shutdown()
    }

    @Test(.timeLimit(.minutes(1)))
    func isBounded() async throws {
        let pool = BlockingPool(limits: .init(threads: 2, queue: 3))
        let gate = Gate()
        defer { gate.open() }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            defer { gate.open() }
            for _ in 0..<10 {
                group.addTask {
                    do {
                        try await pool.run(.readImage, on: .cluster) { () throws(CephError) in gate.wait() }
                        return true
                    } catch let error as CephError where error.code == .overloaded {
                        return false
                    }
                }
            }
            try await wait(pool) { $0.running == 2 && $0.queued == 3 }
            // Calls beyond the bound are answered while the others still hang.
            for _ in 0..<5 { #expect(try await group.next() == false) }
            gate.open()
            for _ in 0..<5 { #expect(try await group.next() == true) }
        }
        try await wait(pool) { $0.running == 0 }
        #expect(pool.snapshot.threads == 2)
        pool.shutdown()
        try await wait(pool) { $0.threads == 0 }
    }

    @Test(.timeLimit(.minutes(1)))
    func letsGoAtTheDeadline() async throws {
        let pool = BlockingPool(limits: .init(threads: 1, queue: 4, replacements: 1))
        let gate = Gate()
        defer { gate.open() }
        let stuck = ContinuousClock.now + .milliseconds(50)
        let error = await #expect(throws: CephError.self) {
            try await pool.run(.createImage, on: .pool("sick"), deadline: stuck) { () throws(CephError) in gate.wait() }
        }
        #expect(error == CephError(.timedOut, .createImage, on: .pool("sick")))
        #expect(pool.snapshot.abandoned == 1)
        // Another thread replaces the stuck one. A call that waited behind the stuck one is released as well, and never
        // runs.
        let second = Task {
            try await pool.run(.createImage, on: .pool("sick"), deadline: .now + .milliseconds(200)) {
                () throws(CephError) in
                gate.wait()
            }
        }
        try await wait(pool) { $0.running == 2 }
        let ran = Mutex(false)
        let queued = await #expect(throws: CephError.self) {
            try await pool.run(.createImage, on: .pool("sick"), deadline: .now + .milliseconds(50)) {
                () throws(CephError) in
                ran.withLock { $0 = true }
            }
        }
        #expect(queued?.code == .notStarted)
        await #expect(throws: CephError(.timedOut, .createImage, on: .pool("sick"))) { try await second.value }
        // Now all threads are stuck, up to the limit. No call waits for one of them.
        #expect(pool.snapshot.abandoned == 2)
        let refused = await #expect(throws: CephError.self) {
            try await pool.run(.createImage, on: .pool("well")) { () throws(CephError) in }
        }
        #expect(refused?.code == .overloaded)
        gate.open()
        // When the stuck threads return, the thread that replaced one of them ends.
        try await wait(pool) { $0.running == 0 && $0.threads == 1 }
        #expect(!ran.withLock { $0 })
        #expect(try await pool.run(.readImage, on: .cluster) { () throws(CephError) in 1 } == 1)
        pool.shutdown()
    }

    @Test(.timeLimit(.minutes(1)))
    func aScopeThatHangsLeavesRoomForTheOthers() async throws {
        let pool = BlockingPool(limits: .init(threads: 8, queue: 8))
        let gate = Gate()
        defer { gate.open() }
        try await withThrowingTaskGroup(of: CephError.Code?.self) { group in
            defer { gate.open() }
            for _ in 0..<20 {
                group.addTask {
                    do {
                        try await pool.run(.readImage, on: .pool("sick")) { () throws(CephError) in gate.wait() }
                        return nil
                    } catch let error as CephError {
                        return error.code
                    }
                }
            }
            // The caller gets only six of eight threads and six of eight places in the queue.
            try await wait(pool) { $0.running == 6 && $0.queued == 6 }
            for _ in 0..<8 { #expect(try await group.next() == .some(.overloaded)) }
            for _ in 0..<50 {
                let value = try await pool.run(.readImage, on: .pool("well")) { () throws(CephError) in 1 }
                #expect(value == 1)
            }
            gate.open()
            for _ in 0..<12 { #expect(try await group.next() == .some(nil)) }
        }
        pool.shutdown()
        try await wait(pool) { $0.threads == 0 }
    }

    /// The limit also holds within one Ceph pool.
    @Test(.timeLimit(.minutes(1)))
    func aCallerWhoWantsTheMostLeavesRoomForTheOthers() async throws {
        let pool = BlockingPool(limits: .init(threads: 8, queue: 8))
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { gate.open() }
            for _ in 0..<10 {
                group.addTask {
                    try await Caller.$current.withValue("greedy") {
                        try await pool.run(.readImage, on: .pool("p")) { () throws(CephError) in gate.wait() }
                    }
                }
            }
            // The Ceph pool may use six of the eight threads, and one caller may use five of those.
            try await wait(pool) { $0.running == 5 && $0.queued == 5 }
            for caller in ["modest", nil] {
                for _ in 0..<50 {
                    let value = try await Caller.$current.withValue(caller) {
                        try await pool.run(.readImage, on: .pool("p")) { () throws(CephError) in 1 }
                    }
                    #expect(value == 1)
                }
            }
            gate.open()
            try await group.waitForAll()
        }
        pool.shutdown()
    }

    @Test(.timeLimit(.minutes(1)))
    func whoeverHasTheFewestCallsRunningIsNext() async throws {
        let pool = BlockingPool(limits: .init(threads: 2, queue: 64))
        let gate = Gate()
        let order = Mutex<[String]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { gate.open() }
            func add(
                _ caller: String,
                waitingFor expected: BlockingPool.Snapshot,
                _ body: @escaping @Sendable () -> Void
            ) async throws {
                group.addTask {
                    try await Caller.$current.withValue(caller) {
                        try await pool.run(.readImage, on: .pool("p")) { () throws(CephError) in body() }
                    }
                }
                try await wait(pool) { $0.running == expected.running && $0.queued == expected.queued }
            }
            for busy in 1...2 {
                try await add("greedy", waitingFor: .init(running: busy)) { gate.wait() }
            }
            for queued in 1...10 {
                try await add("greedy", waitingFor: .init(running: 2, queued: queued)) {
                    order.withLock { $0.append("greedy") }
                }
            }
            try await add("modest", waitingFor: .init(running: 2, queued: 11)) {
                order.withLock { $0.append("modest") }
            }
            gate.open()
            try await group.waitForAll()
        }
        // Two threads each took an entry at once.
        #expect(order.withLock { $0.firstIndex(of: "modest").map { $0 <= 2 } } == true)
        pool.shutdown()
    }

    /// Neither calls that hang in two Ceph pools nor abandoned calls of one caller may take the last thread.
    @Test(.timeLimit(.minutes(1)))
    func whatHangsLeavesRoomForTheOthers() async throws {
        let pool = BlockingPool(limits: .init(threads: 8, queue: 64, replacements: 8))
        let gate = Gate()
        defer { gate.open() }
        func ask() async {
            await withTaskGroup { group in
                for number in 0..<20 {
                    group.addTask {
                        await Caller.$current.withValue("greedy") {
                            let sick = CephError.Resource.pool(number % 2 == 0 ? "a" : "b")
                            let deadline = ContinuousClock.now + .milliseconds(100)
                            _ = try? await pool.run(.readImage, on: sick, deadline: deadline) { () throws(CephError) in
                                gate.wait()
                            }
                        }
                    }
                }
            }
        }
        // Of 16 threads, replacements included, the caller can lose 12. For each of the two Ceph pools, a quarter of
        // what the other one leaves is reserved. So the total is 11 if one pool gets ahead: 6 and 5, 7 and 4, 8 and 3.
        // On a busy machine, a call may reach its thread late.
        while pool.snapshot.abandoned < 11 { await ask() }
        for _ in 0..<2 { await ask() }
        #expect((11...12).contains(pool.snapshot.abandoned))
        for caller in ["modest", nil] {
            let value = try await Caller.$current.withValue(caller) {
                try await pool.run(.readImage, on: .pool("a")) { () throws(CephError) in 1 }
            }
            #expect(value == 1)
        }
        pool.shutdown()
    }

    @Test func theDeadlineTravelsWithTheTask() async throws {
        let pool = BlockingPool()
        let gate = Gate()
        defer { gate.open() }
        // This is long enough for a busy machine to start the thread.
        await Deadline.$current.withValue(.now + .seconds(2)) {
            let error = await #expect(throws: CephError.self) {
                try await pool.run(.readImage, on: .cluster) { () throws(CephError) in gate.wait() }
            }
            #expect(error?.code == .timedOut)
        }
        pool.shutdown()
    }

    @Test(.timeLimit(.minutes(1)))
    func cancellationDropsWhatWaitsAndLetsRunWhatRuns() async throws {
        let pool = BlockingPool(limits: .init(threads: 1, queue: 4))
        let gate = Gate()
        defer { gate.open() }
        let running = Task { try await pool.run(.readImage, on: .cluster) { () throws(CephError) in gate.wait() } }
        try await wait(pool) { $0.running == 1 }
        let ran = Mutex(false)
        let queued = Task {
            try await pool.run(.readImage, on: .cluster) { () throws(CephError) in ran.withLock { $0 = true } }
        }
        try await wait(pool) { $0.queued == 1 }
        queued.cancel()
        running.cancel()
        await #expect(throws: CancellationError.self) { try await queued.value }
        #expect(pool.snapshot.queued == 0)
        gate.open()
        try await running.value
        #expect(!ran.withLock { $0 })
        pool.shutdown()
    }

    @Test func refusesAfterShutdown() async {
        let pool = BlockingPool()
        pool.shutdown()
        let error = await #expect(throws: CephError.self) {
            try await pool.run(.readImage, on: .cluster) { () throws(CephError) in }
        }
        #expect(error?.code == .shutDown)
    }

    @Test(.timeLimit(.minutes(1)))
    func manyCallersLoseNothing() async throws {
        let pool = BlockingPool(limits: .init(threads: 4, queue: 2000))
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...1000 {
                group.addTask { try await pool.run(.readImage, on: .cluster) { () throws(CephError) in number } }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 500_500)
        pool.shutdown()
    }
}
