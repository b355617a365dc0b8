// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Something that a blocking call keeps for as long as it runs, also after its caller was let go at the deadline: a lock
/// that lets go when it is deinitialised. It travels with the task, as the deadline does.
public enum Hold {
    @TaskLocal public static var current: (any AnyObject & Sendable)?
}
