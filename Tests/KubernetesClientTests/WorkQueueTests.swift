// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import Testing

@testable import Kubernetes

@Suite struct WorkQueueTests {
    private let start = ContinuousClock.now

    private func queue() -> WorkQueueState<String> {
        WorkQueueState(backoff: Backoff(first: .seconds(1), maximum: .seconds(60), jitter: 0))
    }

    @Test func aKeyIsInTheQueueOnce() {
        var queue = queue()
        for key in ["a", "b", "a", "a"] { queue.add(key) }
        #expect(queue.readyCount == 2)
        #expect([queue.take(), queue.take(), queue.take()] == ["a", "b", nil])
    }

    @Test func aKeyIsWithOneWorkerAtATime() {
        var queue = queue()
        queue.add("a")
        #expect(queue.take() == "a")
        queue.add("a")
        queue.add("a")
        #expect(queue.take() == nil)
        queue.finish("a", .done, at: start, random: 0)
        #expect(queue.take() == "a")
        queue.finish("a", .done, at: start, random: 0)
        #expect(queue.take() == nil)
    }

    @Test func theEarliestTimeCounts() {
        var queue = queue()
        queue.add("a", at: start + .seconds(10))
        queue.add("a", at: start + .seconds(5))
        queue.add("a", at: start + .seconds(20))
        #expect(queue.promote(at: start) == start + .seconds(5))
        #expect(queue.take() == nil)
        #expect(queue.promote(at: start + .seconds(5)) == nil)
        #expect(queue.take() == "a")
        queue.finish("a", .again(after: .seconds(3)), at: start, random: 0)
        queue.add("a")
        #expect(queue.take() == "a")
        #expect(queue.delayedCount == 0)
    }

    @Test func eachFailureDoublesThePause() {
        var queue = queue()
        var now = start
        queue.add("a")
        for pause in [1, 2, 4, 8] {
            #expect(queue.take() == "a")
            queue.finish("a", nil, at: now, random: 0)
            #expect(queue.promote(at: now) == now + .seconds(pause))
            #expect(queue.failingCount == 1)
            now += .seconds(pause)
            #expect(queue.promote(at: now) == nil)
        }
        #expect(queue.take() == "a")
        queue.finish("a", .done, at: now, random: 0)
        #expect(queue.failingCount == 0)
    }

    @Test func manyKeysKeepTheirOrder() {
        var queue = WorkQueueState<Int>(backoff: Backoff(first: .seconds(1), maximum: .seconds(1)))
        for key in 0..<5000 { queue.add(key) }
        for key in 0..<5000 {
            #expect(queue.take() == key)
            queue.finish(key, .done, at: start, random: 0)
        }
    }

    private struct Failure: Error {}

    @Test(.timeLimit(.minutes(1))) func workersDoAllWorkAndEnd() async {
        let queue = WorkQueue<Int>(
            named: "test",
            backoff: Backoff(first: .milliseconds(1), maximum: .milliseconds(1)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let seen = Mutex<[Int: Int]>([:])
        for key in 0..<100 { queue.add(key) }
        queue.add(100, after: .milliseconds(20))
        await queue.run(workers: 8) { key in
            let (times, isEnd) = seen.withLock { seen in
                seen[key, default: 0] += 1
                return (seen[key] ?? 0, seen.count == 101 && seen[7] == 2)
            }
            if isEnd { queue.shutDown() }
            if key == 7, times == 1 { throw Failure() }
            return .done
        }
        #expect(seen.withLock { $0[7] } == 2)
        #expect(seen.withLock { $0.count } == 101)
        #expect(queue.metrics.outcomes.failed == 1)
        #expect(queue.metrics.running == 0)
    }

    @Test(.timeLimit(.minutes(1))) func cancellationEndsTheQueue() async {
        let queue = WorkQueue<Int>(named: "test", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { await queue.run(workers: 2) { _ in .done } }
        queue.add(1)
        task.cancel()
        await task.value
        #expect(queue.metrics.running == 0)
    }
}
