// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// When the caller stops waiting. The value belongs to the task. So every Ceph call for one request has the request's
/// deadline without a parameter for it.
public enum Deadline {
    @TaskLocal public static var current: ContinuousClock.Instant?
}
