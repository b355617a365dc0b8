// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

struct OperationLimits: Sendable {
    /// The maximum number of operations of one pool that this process runs at the same time.
    var perPool: Int
    /// How long a replica may be silent before another replica takes over its operations. Each replica looks for such
    /// operations three times as often.
    var lease: Duration
    /// The memory for the data of copies and flattens, for all pools together.
    var dataMemory = MemoryBudget(bytes: MemoryLimit.usual.dataBytes)
}
