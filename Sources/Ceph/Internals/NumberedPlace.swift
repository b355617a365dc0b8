// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A pool, or a namespace of it, by the pool's number: its name may have been another pool's before.
struct NumberedPlace: Hashable {
    var poolID: Int64
    /// Empty for the pool's default namespace.
    var namespace: String
}
