// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The caller that calls are made for. Threads are shared fairly between callers, see ``BlockingPool``. The value
/// belongs to the task, like ``Deadline``.
public enum Caller {
    /// Nil for calls of the service itself.
    @TaskLocal public static var current: String?
}
