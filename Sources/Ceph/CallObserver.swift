// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Receives every call to the cluster after its caller has an answer, in the caller's own task.
public protocol CallObserver: Sendable {
    func callEnded(_ call: CallRecord)
}

/// A call to the cluster, as its caller saw it.
public struct CallRecord: Sendable {
    public var operation: CephError.Operation
    public var resource: CephError.Resource
    /// Nil if the call succeeded.
    public var error: CephError?
    /// From the request to the answer, including the wait for a thread.
    public var duration: Duration
}
