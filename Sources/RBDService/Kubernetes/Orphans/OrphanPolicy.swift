// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What becomes of images that were made for volumes that do not exist.
public enum OrphanHandling: String, CaseIterable, Sendable {
    /// They are only reported.
    case report
    /// They go to the trash if nothing speaks against it.
    case trash
}

struct OrphanPolicy: Hashable, Sendable {
    var handling = OrphanHandling.report
    /// How long a mark must not change, and how old its image must be.
    var age = Duration.seconds(600)

    /// How often the marks are read. That is one request for each pool.
    var interval: Duration { min(.seconds(300), max(.seconds(5), age / 4)) }
}
