// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// When the caller stops waiting. It travels with the task, so that every Ceph call made for one request keeps the
/// request's own deadline without each signature carrying it.
public enum Deadline {
    @TaskLocal public static var current: ContinuousClock.Instant?
}
