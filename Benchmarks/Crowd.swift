// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Many clients at once, a thread for each. They begin together, when all of them are ready.
enum Crowd {
    /// - Parameter work: done in a thread by each client; its preparation, such as a connection, comes first and is not
    ///   timed, and it returns what is.
    /// - Returns: how many milliseconds passed from the common beginning to the end of the last.
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
                // Whatever the work holds goes before the threads are counted as done.
                work = nil
                state.done.signal()
            }
            // 8 MiB of address space for each of many would be a waste.
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

/// Deals out numbers one by one, so that no client ends up with the slow ones.
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
