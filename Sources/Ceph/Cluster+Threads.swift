// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The purpose of calls that have threads of their own. They do not wait for other calls of the connection, and do not
/// delay them.
public struct ThreadPurpose: Hashable, Sendable {
    public var name: String
    public var limits: BlockingPool.Limits
    /// Whether the calls are also made to parts of the cluster whose breaker is open. A breaker is open for a whole
    /// pool even if only a part of the pool does not answer.
    public var ignoresBreakers: Bool

    public init(_ name: String, _ limits: BlockingPool.Limits, ignoresBreakers: Bool = false) {
        (self.name, self.limits, self.ignoresBreakers) = (name, limits, ignoresBreakers)
    }

    /// Reads that may cover all of an image. They occupy their threads for seconds, and must not delay short reads.
    static let longReads = ThreadPurpose("long reads", .init(threads: 16, queue: 256, replacements: 16))
}

extension Cluster {
    /// The connection's threads for a purpose. Each connection has its own. If a librados client hangs, it keeps all
    /// threads that are inside it, and its successor starts with new threads.
    public func threads(for purpose: ThreadPurpose) -> BlockingPool {
        pools.withLock { pools in
            if let pool = pools[purpose] { return pool }
            let pool = BlockingPool(limits: purpose.limits, ignoresBreakers: purpose.ignoresBreakers)
            pools[purpose] = pool
            return pool
        }
    }

    /// Refuses further calls, and lets the threads end after the calls that were begun.
    public func endCalls() {
        calls.shutdown()
        pools.withLock { pools in
            for pool in pools.values { pool.shutdown() }
        }
    }
}
