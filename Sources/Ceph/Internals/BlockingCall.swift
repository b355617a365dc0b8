// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A call in the pool, whatever it returns.
protocol BlockingCall: AnyObject, Sendable {
    var operation: CephError.Operation { get }
    var resource: CephError.Resource { get }
    var scope: CallScope { get }
    var deadline: ContinuousClock.Instant? { get }
    func perform()
    func settle(throwing error: any Error)
}

extension BlockingCall {
    func isExpired(at now: ContinuousClock.Instant) -> Bool {
        deadline.map { $0 <= now } ?? false
    }
}

final class Call<Value: Sendable>: BlockingCall {
    let operation: CephError.Operation
    let resource: CephError.Resource
    /// Kept: the queue compares it for every call that waits.
    let scope: CallScope
    let deadline: ContinuousClock.Instant?
    private let promise = Promise<Value>()
    private let body: @Sendable () throws(CephError) -> Value
    /// Released with this call, which the pool keeps until the thread comes back.
    private let hold = Hold.current

    init(
        operation: CephError.Operation,
        resource: CephError.Resource,
        deadline: ContinuousClock.Instant?,
        body: @escaping @Sendable () throws(CephError) -> Value
    ) {
        self.operation = operation
        self.resource = resource
        scope = CallScope(operation, on: resource)
        self.deadline = deadline
        self.body = body
    }

    func hold(_ continuation: CheckedContinuation<Value, any Error>) {
        promise.hold(continuation)
    }

    func perform() {
        let result: Result<Value, any Error>
        do throws(CephError) {
            result = .success(try body())
            hold?.callEnded(operation, nil)
        } catch {
            result = .failure(error)
            hold?.callEnded(operation, error)
        }
        promise.settle(with: result)
    }

    func settle(throwing error: any Error) {
        promise.settle(with: .failure(error))
    }
}

/// Resumes its continuation once, for whoever comes first: the call's end, its deadline, or a cancellation.
private final class Promise<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value, any Error>)
        case settledEarly(Result<Value, any Error>)
        case settled
    }

    private let state = Mutex(State.empty)

    func hold(_ continuation: CheckedContinuation<Value, any Error>) {
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

    func settle(with result: Result<Value, any Error>) {
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
