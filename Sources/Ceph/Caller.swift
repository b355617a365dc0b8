// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// On whose behalf calls are made: threads are shared fairly between callers, see ``BlockingPool``. It travels with the task, as
/// ``Deadline`` does.
public enum Caller {
    /// Nil for what the service does by itself.
    @TaskLocal public static var current: String?
}
