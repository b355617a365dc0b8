// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Something that a blocking call keeps for as long as it runs, also after its caller was let go at the deadline: a lock
/// that lets go when it is deinitialised. It travels with the task, as the deadline does.
public enum Hold {
    @TaskLocal public static var current: (any CallHold)?
}

/// Told of the end of each call that keeps it, whether or not somebody still waits for it.
public protocol CallHold: AnyObject, Sendable {
    /// - Parameter error: nil where the call succeeded.
    func callEnded(_ operation: CephError.Operation, _ error: CephError?)
}
