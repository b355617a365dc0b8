// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// When the caller stops waiting. The value belongs to the task. So every Ceph call for one request has the request's
/// deadline without a parameter for it.
public enum Deadline {
    @TaskLocal public static var current: ContinuousClock.Instant?
}

/// The caller that calls are made for. Threads are shared fairly between callers, see ``BlockingPool``. The value
/// belongs to the task, like ``Deadline``.
public enum Caller {
    /// Nil for calls of the service itself.
    @TaskLocal public static var current: String?
}

/// An object that a blocking call keeps as long as it runs, even after its caller was released at the deadline. An
/// example is a lock that is released on deinitialisation. The value belongs to the task, like the deadline.
public enum Hold {
    @TaskLocal public static var current: (any CallHold)?
}

/// Notified of the end of each call that keeps it, whether or not the caller still waits.
public protocol CallHold: AnyObject, Sendable {
    /// - Parameter error: nil if the call succeeded.
    func callEnded(_ operation: CephError.Operation, _ error: CephError?)
}
