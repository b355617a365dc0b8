// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A call in the pool, with any result type.
protocol BlockingCall: AnyObject, Sendable {
    var operation: CephError.Operation { get }
    var resource: CephError.Resource { get }
    var scope: CallScope { get }
    /// The caller of the call; nil for the service itself.
    var caller: String? { get }
    /// When it was made.
    var came: ContinuousClock.Instant { get }
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
    /// Stored, because the queue compares it for every waiting call.
    let scope: CallScope
    let caller = Caller.current
    let came = ContinuousClock.now
    let deadline: ContinuousClock.Instant?
    private let outcome = FirstResult<Value>()
    private let body: @Sendable () throws(CephError) -> Value
    /// Released with this call, which the pool keeps until the thread returns.
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
        outcome.resume(continuation)
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
        outcome.settle(result)
    }

    func settle(throwing error: any Error) {
        outcome.settle(.failure(error))
    }
}
