// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

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
