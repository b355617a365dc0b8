// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

struct OperationLimits: Sendable {
    /// How many operations of one pool this process works on at once.
    var perPool: Int
    /// By when others take over from a process that no longer answers. Three times in it, it is looked for work.
    var lease: Duration
    /// For the data of copies and the like, of all pools.
    var dataMemory = MemoryBudget(bytes: MemoryLimit.usual.dataBytes)
}
