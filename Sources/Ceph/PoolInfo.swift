// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A pool as the monitors describe it, with its usage as the manager last reported it.
public struct PoolInfo: Hashable, Sendable {
    public var name: String
    public var id: Int64
    public var isErasureCoded: Bool
    /// The number of copies, or of chunks in an erasure-coded pool.
    public var size: Int
    public var minSize: Int
    /// The target number; splitting and merging placement groups takes a while.
    public var pgNum: Int
    public var autoscale: PoolOptions.Autoscale
    public var applications: [String]
    public var flags: [String]
    /// 0 means unlimited.
    public var quotaBytes: UInt64
    /// 0 means unlimited.
    public var quotaObjects: UInt64
    /// Nil until the manager has reported on a new pool.
    public var usage: Usage?

    public struct Usage: Hashable, Sendable {
        /// The data that clients stored, before replication.
        public var storedBytes: UInt64
        /// The space that this data takes on the devices, after replication.
        public var usedBytes: UInt64
        /// The amount of data that can still be stored: the smaller of Ceph's estimate and the rest of the quota.
        public var availableBytes: UInt64
        public var objects: UInt64
    }
}

extension PoolInfo {
    /// Whether the pool can hold the data of images. An erasure-coded pool must be enabled for that first.
    public var allowsOverwrites: Bool { !isErasureCoded || flags.contains("ec_overwrites") }
}

/// How an erasure-coded pool spreads its data.
public enum ErasureCode: Hashable, Sendable {
    /// A profile that exists in the cluster.
    case profile(String)
    /// A profile that this service creates. No two chunks are in the same failure domain, such as `osd` or `host`,
    /// which is Ceph's default.
    case chunks(data: Int, coding: Int, failureDomain: String?)
}

/// A change of one setting of a pool.
public enum PoolChange: Hashable, Sendable {
    /// 0 means unlimited.
    case quotaBytes(UInt64)
    /// 0 means unlimited.
    case quotaObjects(UInt64)
    case autoscale(PoolOptions.Autoscale)
    case size(Int)
    case minSize(Int)
    case pgNum(Int)
    /// For an erasure-coded pool; it can't be undone.
    case allowOverwrites
    case rename(String)
}

/// The options of a new pool; nil uses the cluster's default.
public struct PoolOptions: Hashable, Sendable {
    /// `pg_autoscale_mode`
    public enum Autoscale: String, CaseIterable, Sendable {
        case on, off, warn
    }

    public var pgNum: Int?
    public var size: Int?
    public var autoscale: Autoscale?
    /// Nil means replicated.
    public var erasureCode: ErasureCode?

    public init(
        pgNum: Int? = nil,
        size: Int? = nil,
        autoscale: Autoscale? = nil,
        erasureCode: ErasureCode? = nil
    ) {
        self.pgNum = pgNum
        self.size = size
        self.autoscale = autoscale
        self.erasureCode = erasureCode
    }
}

// MARK: The monitors' JSON

/// An element of `osd pool ls detail`.
struct PoolDetail: Decodable {
    var poolName: String
    var poolID: Int64
    var type: Int
    var size: Int
    var minSize: Int
    var pgNumTarget: Int
    var autoscaleMode: String
    var applicationMetadata: [String: [String: String]]
    var flagsNames: String
    var quotaMaxBytes: UInt64
    var quotaMaxObjects: UInt64

    private enum CodingKeys: String, CodingKey {
        case type, size
        case poolName = "pool_name"
        case poolID = "pool_id"
        case minSize = "min_size"
        case pgNumTarget = "pg_num_target"
        case autoscaleMode = "pg_autoscale_mode"
        case applicationMetadata = "application_metadata"
        case flagsNames = "flags_names"
        case quotaMaxBytes = "quota_max_bytes"
        case quotaMaxObjects = "quota_max_objects"
    }

    /// The `type` of an erasure-coded pool; 1 is replicated.
    private static let erasureType = 3

    func info(usage: PoolUsageAnswer.Stats?) -> PoolInfo {
        PoolInfo(
            name: poolName,
            id: poolID,
            isErasureCoded: type == Self.erasureType,
            size: size,
            minSize: minSize,
            pgNum: pgNumTarget,
            autoscale: PoolOptions.Autoscale(rawValue: autoscaleMode) ?? .off,
            applications: applicationMetadata.keys.sorted(),
            flags: flagsNames.split(separator: ",").map(String.init),
            quotaBytes: quotaMaxBytes,
            quotaObjects: quotaMaxObjects,
            usage: usage.map { stats in
                let left = quotaMaxBytes == 0 ? .max : quotaMaxBytes - min(quotaMaxBytes, stats.stored)
                return PoolInfo.Usage(
                    storedBytes: stats.stored,
                    usedBytes: stats.bytesUsed,
                    availableBytes: min(stats.maxAvail, left),
                    objects: stats.objects
                )
            }
        )
    }
}

/// The part of `df detail` about pools.
struct PoolUsageAnswer: Decodable {
    struct Stats: Decodable {
        var stored: UInt64
        var bytesUsed: UInt64
        var maxAvail: UInt64
        var objects: UInt64

        private enum CodingKeys: String, CodingKey {
            case stored, objects
            case bytesUsed = "bytes_used"
            case maxAvail = "max_avail"
        }
    }

    struct Pool: Decodable {
        var id: Int64
        var stats: Stats
    }

    var pools: [Pool]
}
