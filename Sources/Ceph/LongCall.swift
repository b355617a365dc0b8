// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
internal import Synchronization

/// The progress of a long librbd call, and the means to stop it. Create one for each call.
///
/// Between two objects, librbd asks whether to continue. A call that was stopped throws `CephError` with `.stopped`.
public final class LongCall: Sendable {
    private struct State {
        var done: UInt64 = 0
        var total: UInt64 = 0
        var isStopped = false
        var validUntil: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    public init() {}

    /// From 0 to 1; 0 until librbd has reported how much there is to do.
    public var fraction: Double {
        state.withLock { $0.total == 0 ? 0 : min(1, Double($0.done) / Double($0.total)) }
    }

    /// Ends the call at librbd's next check.
    public func stop() {
        state.withLock { $0.isStopped = true }
    }

    /// Ends the call at librbd's first check after this moment, unless the moment is extended. So a process that was
    /// suspended finds out that another replica may have taken over meanwhile.
    public func allow(until moment: ContinuousClock.Instant) {
        state.withLock { $0.validUntil = moment }
    }

    /// - C function: librbd_progress_fn_t
    static let callback: librbd_progress_fn_t = { done, total, context in
        guard let context else { return 0 }
        return Unmanaged<LongCall>.fromOpaque(context).takeUnretainedValue().goesOn(done, of: total) ? 0 : -ECANCELED
    }

    /// Only answers whether to continue, without recording the progress. It is for a step of longer work that reports
    /// its progress with ``advance(to:of:_:on:)``.
    /// - C function: librbd_progress_fn_t
    static let attend: librbd_progress_fn_t = { _, _, context in
        guard let context else { return 0 }
        return Unmanaged<LongCall>.fromOpaque(context).takeUnretainedValue().isAllowed ? 0 : -ECANCELED
    }

    /// librbd calls its callback without checking for nil. So calls without progress need a callback, too.
    /// - C function: librbd_progress_fn_t
    static let ignore: librbd_progress_fn_t = { _, _, _ in 0 }

    /// The context for the callback. Valid as long as this object exists: the call that it belongs to keeps it.
    var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    private var isAllowed: Bool {
        state.withLock { state in
            if let end = state.validUntil, end < .now { return false }
            return !state.isStopped
        }
    }

    private func goesOn(_ done: UInt64, of total: UInt64) -> Bool {
        state.withLock { state in
            state.done = done
            state.total = total
            if let end = state.validUntil, end < .now { return false }
            return !state.isStopped
        }
    }

    /// Records the progress of work that librbd does not do.
    /// - Throws: `CephError` with `.stopped`.
    func advance(
        to done: UInt64,
        of total: UInt64,
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard goesOn(done, of: total) else { throw CephError(.stopped, operation, on: resource) }
    }

    /// For callers that wait before they can make the call.
    /// - Throws: `CephError` with `.stopped` if it was stopped.
    public func requireGoing(
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard isAllowed else { throw CephError(.stopped, operation, on: resource) }
    }

    /// - Throws: `CephError` with `.stopped` if it was stopped before it began.
    func begin(_ operation: CephError.Operation, on resource: CephError.Resource) throws(CephError) {
        guard goesOn(0, of: 0) else { throw CephError(.stopped, operation, on: resource) }
    }
}
