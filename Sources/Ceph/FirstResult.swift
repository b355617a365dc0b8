// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A value that several sources may give: the end of a call, its deadline, a cancellation. The first one counts. The
/// waiting task does not wait for the others, even if they never come.
public final class FirstResult<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value, any Error>)
        case settledEarly(Result<Value, any Error>)
        case settled
    }

    private let state = Mutex(State.empty)

    public init() {}

    /// The value, as soon as it is given. Only one task may wait for it, once. It also waits if the task is cancelled.
    public var value: Value {
        get async throws {
            try await withCheckedThrowingContinuation { resume($0) }
        }
    }

    /// Resumes the continuation with the value, as soon as it is given.
    func resume(_ continuation: CheckedContinuation<Value, any Error>) {
        let early = state.withLock { state -> Result<Value, any Error>? in
            if case .settledEarly(let result) = state {
                state = .settled
                return result
            }
            state = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(with: early) }
    }

    /// Gives the value, unless it is already given.
    public func settle(_ result: Result<Value, any Error>) {
        let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
            switch state {
            case .empty:
                state = .settledEarly(result)
                return nil
            case .waiting(let continuation):
                state = .settled
                return continuation
            case .settledEarly, .settled:
                return nil
            }
        }
        continuation?.resume(with: result)
    }
}
