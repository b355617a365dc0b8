// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Runs the tasks of a connection on its event loop, so that a request does not change threads twice more between the
/// socket and the call to Ceph. Nothing that blocks may run there: calls to Ceph have threads of their own.
///
/// A connection that sends request after request without waiting for answers would keep its loop to itself: its tasks have little to
/// wait for. So each has a share of time, and what is left goes on in the loop's next turn, when all others have had theirs. A task that
/// never waits asks for its turn itself, with ``giveWay()``: each request does.
final class EventLoopTaskExecutor: TaskExecutor, @unchecked Sendable {
    /// A connection's share of a turn: some requests that ask nothing of the cluster.
    private static let share = Duration.microseconds(250)

    private let eventLoop: any EventLoop
    private let turns: LoopTurns
    // On the event loop only:
    private var spent = Duration.zero
    private var began: ContinuousClock.Instant?
    private var waiting: [UnownedJob] = []

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        turns = LoopTurns.of(eventLoop)
    }

    /// The executor of the connection whose request is served.
    @TaskLocal static var current: EventLoopTaskExecutor?

    /// Lets the loop's other connections have their turn, where this one has used up its share. Costs next to nothing where it has not.
    static func giveWay() async {
        if let current, current.isUsedUp { await Task.yield() }
    }

    private var isUsedUp: Bool {
        guard eventLoop.inEventLoop, let began else { return false }
        return spent + (.now - began) >= Self.share
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { self.take(job) }
    }

    /// The loop has looked at its sockets, since it has read from this connection's.
    func turnBegan() { spent = .zero }

    private func take(_ job: UnownedJob) {
        guard waiting.isEmpty, spent < Self.share else {
            waiting.append(job)
            if waiting.count == 1 { turns.next { self.goOn() } }
            return
        }
        run(job)
    }

    private func goOn() {
        spent = .zero
        var done = 0
        while done < waiting.count, spent < Self.share {
            run(waiting[done])
            done += 1
        }
        waiting.removeFirst(done)
        if !waiting.isEmpty { turns.next { self.goOn() } }
    }

    private func run(_ job: UnownedJob) {
        let start = ContinuousClock.now
        began = start
        job.runSynchronously(on: asUnownedTaskExecutor())
        began = nil
        spent += .now - start
    }
}
