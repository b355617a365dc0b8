// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Runs the tasks of a connection on its event loop. So a request does not change threads twice more between the socket
/// and the call to Ceph. Nothing that blocks may run there: calls to Ceph have their own threads.
///
/// A connection that sends requests without waiting for answers could keep its loop to itself, because its tasks rarely
/// wait. So each connection has a share of time. What does not fit runs in the loop's next turn, after all other
/// connections. A task that never waits must give way itself, with ``giveWay()``: each request does.
final class EventLoopTaskExecutor: TaskExecutor, @unchecked Sendable {
    /// A connection's share of a turn. Some requests that do not call the cluster fit into it.
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

    /// The executor of the connection whose request is being served.
    @TaskLocal static var current: EventLoopTaskExecutor?

    /// Waits for the loop's next turn if this connection has used up its share. Otherwise it costs almost nothing.
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

    /// Called when the connection has read: since its last turn, the loop has checked its sockets.
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
