// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// How a ``Reflector`` lists and watches.
public struct ReflectorConfiguration: Hashable, Sendable {
    /// The number of objects per page.
    public var pageSize = KubernetesClient.defaultPageSize
    /// The time limit of each page.
    public var listTimeLimit = Duration.seconds(60)
    /// How long a watch is kept at least; at most, it is twice as long. The API server ends it.
    public var watchLimit = Duration.seconds(300)
    /// How long a watch may be silent before its connection is dropped. API servers send a bookmark each minute.
    public var idleLimit = Duration.seconds(180)
    /// The pauses after failures.
    public var backoff = Backoff(first: .milliseconds(800), maximum: .seconds(30))
    /// A watch that has lasted this long was a success.
    public var goodWatch = Duration.seconds(10)

    public init() {}
}

/// What a ``Reflector`` has done so far, for metrics.
public struct ReflectorStatistics: Hashable, Sendable {
    public var lists: UInt64 = 0
    public var watches: UInt64 = 0
    /// Events that have arrived, bookmarks too.
    public var events: UInt64 = 0
    public var failures: UInt64 = 0
}
