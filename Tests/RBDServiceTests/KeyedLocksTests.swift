// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Dispatch
import Synchronization
import Testing

@testable import RBDService

struct KeyedLocksTests {
    private let locks = KeyedLocks()

    @Test(.timeLimit(.minutes(1)))
    func oneAtATime() async throws {
        let crowd = Crowd()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await locks.withLock("a", on: .cluster, .createImage) {
                        crowd.enter()
                        await Task.yield()
                        crowd.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(crowd.most == 1)
    }

    /// Counts how many callers are inside at once.
    private final class Crowd: Sendable {
        private let counts = Mutex((inside: 0, most: 0))

        var most: Int { counts.withLock { $0.most } }

        func enter() {
            counts.withLock { counts in
                counts.inside += 1
                counts.most = max(counts.most, counts.inside)
            }
        }

        func leave() { counts.withLock { $0.inside -= 1 } }
    }

    @Test(.timeLimit(.minutes(1)))
    func otherKeysAreFree() async throws {
        try await locks.withLock("a", on: .cluster, .createImage) {
            try await locks.withLock("b", on: .cluster, .createImage) {}
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func waitingEndsAtTheDeadline() async throws {
        try await locks.withLock("a", on: .cluster, .createImage) {
            let error = await #expect(throws: CephError.self) {
                try await Deadline.$current.withValue(.now + .milliseconds(30)) {
                    try await locks.withLock("a", on: .pool("p"), .removeImage) {}
                }
            }
            #expect(error == CephError(.notStarted, .removeImage, on: .pool("p")))
        }
        try await locks.withLock("a", on: .cluster, .createImage) {}
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func cancelledWaitersStepAside(hasDeadline: Bool) async throws {
        let (entered, continuation) = AsyncStream.makeStream(of: Void.self)
        let holder = Task {
            try await locks.withLock("a", on: .cluster, .createImage) {
                continuation.finish()
                while !Task.isCancelled { await Task.yield() }
            }
        }
        for await _ in entered {}
        let waiter = Task {
            try await Deadline.$current.withValue(hasDeadline ? .now + .seconds(30) : nil) {
                try await locks.withLock("a", on: .cluster, .createImage) { Issue.record("it must not get in") }
            }
        }
        await Task.yield()
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
        holder.cancel()
        try await holder.value
        try await locks.withLock("a", on: .cluster, .createImage) {}
    }

    /// A call whose caller was released still changes the image, so the next change waits for it.
    @Test(.timeLimit(.minutes(1)), arguments: [["a"], ["a", "b"], ["b", "a"]])
    func theLockIsHeldUntilTheCallEnds(keys: [String]) async throws {
        let pool = BlockingPool()
        let work = SlowWork()
        // A change of several keys takes all their locks, one inside the other.
        func withLocks(_ keys: ArraySlice<String>, _ body: () async throws -> Void) async throws {
            guard let key = keys.first else { return try await body() }
            try await locks.withLock(key, on: .cluster, .removeImage) {
                try await withLocks(keys.dropFirst(), body)
            }
        }
        await #expect(throws: CephError.self) {
            try await withLocks(keys[...]) {
                try await pool.run(.removeImage, on: .cluster, deadline: .now + .seconds(1)) { work.perform() }
            }
        }
        await Deadline.$current.withValue(.now + .milliseconds(30)) {
            let error = await #expect(throws: CephError.self) {
                try await locks.withLock("a", on: .cluster, .createImage) {}
            }
            #expect(error?.code == .notStarted)
        }
        work.finish()
        try await locks.withLock("a", on: .cluster, .createImage) { #expect(work.isOver) }
        pool.shutdown()
    }

    private final class SlowWork: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        private let over = Mutex(false)

        var isOver: Bool { over.withLock { $0 } }

        func perform() {
            gate.wait()
            over.withLock { $0 = true }
        }

        func finish() { gate.signal() }
    }

    @Test func aThrowingBodyGivesTheLockBack() async throws {
        await #expect(throws: CancellationError.self) {
            try await locks.withLock("a", on: .cluster, .createImage) { throw CancellationError() }
        }
        try await locks.withLock("a", on: .cluster, .createImage) {}
    }
}
