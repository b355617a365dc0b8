// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A pool, or a namespace of a pool, by the pool's number, because another pool may have had its name before.
struct NumberedPlace: Hashable {
    var poolID: Int64
    /// Empty for the pool's default namespace.
    var namespace: String
}
