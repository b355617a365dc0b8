// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
internal import Synchronization

/// A call of librbd's that takes as long as there is data: how far it has come, and how it is stopped. One for each call.
///
/// librbd asks between two objects whether to go on. A call that was stopped throws `CephError` with `.stopped`.
public final class LongCall: Sendable {
    private struct State {
        var done: UInt64 = 0
        var total: UInt64 = 0
        var isStopped = false
        var validUntil: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    public init() {}

    /// From 0 to 1; 0 until librbd has said how much there is to do.
    public var fraction: Double {
        state.withLock { $0.total == 0 ? 0 : min(1, Double($0.done) / Double($0.total)) }
    }

    /// Ends the call at librbd's next question.
    public func stop() {
        state.withLock { $0.isStopped = true }
    }

    /// Ends the call at librbd's first question after this moment, unless the moment is put off again. A process that was
    /// suspended finds out so that somebody else may have taken over meanwhile.
    public func allow(until moment: ContinuousClock.Instant) {
        state.withLock { $0.validUntil = moment }
    }

    /// - C function: librbd_progress_fn_t
    static let callback: librbd_progress_fn_t = { done, total, context in
        guard let context else { return 0 }
        return Unmanaged<LongCall>.fromOpaque(context).takeUnretainedValue().goesOn(done, of: total) ? 0 : -ECANCELED
    }

    /// Only asks whether to go on: for a step of something longer, whose way is told by ``advance(to:of:_:on:)``.
    /// - C function: librbd_progress_fn_t
    static let attend: librbd_progress_fn_t = { _, _, context in
        guard let context else { return 0 }
        return Unmanaged<LongCall>.fromOpaque(context).takeUnretainedValue().isAllowed ? 0 : -ECANCELED
    }

    /// librbd calls its callback without looking whether it is there: calls that nobody watches need one, too.
    /// - C function: librbd_progress_fn_t
    static let ignore: librbd_progress_fn_t = { _, _, _ in 0 }

    /// What the callback is given. Valid as long as this object: the call that it is for holds it.
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

    /// Tells how far the work is, where it is not librbd that does it.
    /// - Throws: `CephError` with `.stopped`.
    func advance(
        to done: UInt64,
        of total: UInt64,
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard goesOn(done, of: total) else { throw CephError(.stopped, operation, on: resource) }
    }

    /// For whoever waits before the call can be made.
    /// - Throws: `CephError` with `.stopped` where it was stopped.
    public func requireGoing(
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard isAllowed else { throw CephError(.stopped, operation, on: resource) }
    }

    /// - Throws: `CephError` with `.stopped` where it was stopped before it began.
    func begin(_ operation: CephError.Operation, on resource: CephError.Resource) throws(CephError) {
        guard goesOn(0, of: 0) else { throw CephError(.stopped, operation, on: resource) }
    }
}
