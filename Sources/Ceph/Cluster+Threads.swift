// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What some of a connection's calls are for that neither wait for all others nor hold them up.
public struct ThreadPurpose: Hashable, Sendable {
    public var name: String
    public var limits: BlockingPool.Limits

    public init(_ name: String, _ limits: BlockingPool.Limits) {
        (self.name, self.limits) = (name, limits)
    }

    /// Reads that may go through all of an image. They keep their threads for seconds, and take none from those that are short.
    static let longReads = ThreadPurpose("long reads", .init(threads: 16, queue: 256, replacements: 16))
}

extension Cluster {
    /// The connection's threads for a purpose, which it has to itself: a client of librados that hangs as a whole keeps all threads that
    /// are inside of it, and its successor begins with threads of its own.
    public func threads(for purpose: ThreadPurpose) -> BlockingPool {
        pools.withLock { pools in
            if let pool = pools[purpose] { return pool }
            let pool = BlockingPool(limits: purpose.limits)
            pools[purpose] = pool
            return pool
        }
    }

    /// Refuses further calls, and lets the threads end with what was begun.
    public func endCalls() {
        calls.shutdown()
        pools.withLock { pools in
            for pool in pools.values { pool.shutdown() }
        }
    }
}
