// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The keys of the log's metadata.
enum LogKeys {
    static let requestID = "request.id"
    static let method = "http.method"
    static let route = "http.route"
    static let status = "http.status"
    static let durationMilliseconds = "duration.ms"
    static let problem = "problem.code"
    static let operation = "ceph.operation"
    static let operationID = "operation.id"
    static let operationKind = "operation.kind"
    static let outcome = "ceph.outcome"
    static let errno = "errno"
    static let pool = "pool"
    static let namespace = "namespace"
    static let image = "image"
    /// The id of an image in the trash.
    static let trashID = "trash.id"
    static let group = "group"
    static let client = "client"
    static let snapshot = "snapshot"
    static let error = "error"
    /// A PersistentVolume of Kubernetes.
    static let volume = "kubernetes.volume"
    /// What speaks against moving an image without a volume to the trash.
    static let doubts = "kubernetes.doubts"
    static let identity = "identity"
    /// `outside` if the request names something that is out of the caller's scope.
    static let access = "access"
    static let count = "count"
    static let host = "host"
    static let connections = "connections"
    static let threads = "threads"
    static let fsid = "ceph.fsid"
    /// The scope of a breaker: the monitors, or a pool.
    static let scope = "ceph.scope"
    static let entity = "ceph.entity"
    static let librados = "ceph.librados"
    static let release = "ceph.release"
}
