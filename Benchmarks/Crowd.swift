// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Many clients at once, with a thread for each. They begin together, when all of them are ready.
enum Crowd {
    /// - Parameter work: runs in the thread of each client. It prepares the client, for example with a connection, and
    ///   returns the work that is timed.
    /// - Returns: the milliseconds from the common beginning to the end of the last client.
    static func run(
        _ clients: Int,
        _ prepare: @escaping @Sendable (_ client: Int) throws -> (() throws -> Void)
    ) throws -> Double {
        let state = State()
        for client in 0..<clients {
            let thread = Thread {
                var work: (() throws -> Void)?
                do { work = try prepare(client) } catch { state.fail(error) }
                state.ready.signal()
                state.start.wait()
                do { try work?() } catch { state.fail(error) }
                // Release what the work holds before the thread counts as done.
                work = nil
                state.done.signal()
            }
            // The default of 8 MiB of address space per thread would be a waste.
            thread.stackSize = 1 << 20
            thread.start()
        }
        for _ in 0..<clients { state.ready.wait() }
        let start = ContinuousClock.now
        for _ in 0..<clients { state.start.signal() }
        for _ in 0..<clients { state.done.wait() }
        let taken = milliseconds(since: start)
        if let failure = state.failure.withLock({ $0 }) { throw failure }
        return taken
    }

    private final class State: Sendable {
        let ready = DispatchSemaphore(value: 0)
        let start = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<(any Error)?>(nil)

        func fail(_ error: any Error) {
            failure.withLock { $0 = $0 ?? error }
        }
    }
}

/// Deals out numbers one by one, so that no client gets all the slow ones.
final class Counter: Sendable {
    private let following: Atomic<Int>
    private let end: Int

    init(from start: Int = 0, below end: Int) {
        following = Atomic(start)
        self.end = end
    }

    func next() -> Int? {
        let number = following.wrappingAdd(1, ordering: .relaxed).oldValue
        return number < end ? number : nil
    }
}
