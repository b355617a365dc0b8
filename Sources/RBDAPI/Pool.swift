// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A Ceph pool as the API shows it.
public struct Pool: Codable, Hashable, Sendable {
    public var name: String
    public var id: Int64
    /// `replicated` or `erasure`.
    public var type: String
    /// The number of copies, or the number of chunks in an erasure-coded pool.
    public var size: Int
    public var minSize: Int
    public var pgNum: Int
    /// `on`, `off` or `warn`: `pg_autoscale_mode`.
    public var autoscale: String
    /// The applications that the pool is enabled for. RBD pools have `rbd`.
    public var applications: [String]
    /// Ceph's flags, such as `hashpspool`, `nodelete`, `full`, `full_quota`.
    public var flags: [String]
    public var quota: PoolQuota
    /// Null until the manager has reported on a new pool.
    @Nullable public var usage: PoolUsage?

    public init(
        name: String,
        id: Int64,
        type: String,
        size: Int,
        minSize: Int,
        pgNum: Int,
        autoscale: String,
        applications: [String],
        flags: [String],
        quota: PoolQuota,
        usage: PoolUsage?
    ) {
        self.name = name
        self.id = id
        self.type = type
        self.size = size
        self.minSize = minSize
        self.pgNum = pgNum
        self.autoscale = autoscale
        self.applications = applications
        self.flags = flags
        self.quota = quota
        self.usage = usage
    }
}

/// The limits of a pool. 0 means unlimited, as in Ceph.
public struct PoolQuota: Codable, Hashable, Sendable {
    public var maxBytes: UInt64
    public var maxObjects: UInt64

    public init(maxBytes: UInt64, maxObjects: UInt64) {
        self.maxBytes = maxBytes
        self.maxObjects = maxObjects
    }
}

public struct PoolUsage: Codable, Hashable, Sendable {
    /// The data that clients stored, before replication.
    public var storedBytes: UInt64
    /// The space that this data takes on the devices, after replication.
    public var usedBytes: UInt64
    /// The amount of data that can still be stored: the smaller of Ceph's estimate and the rest of the quota.
    public var availableBytes: UInt64
    public var objects: UInt64

    public init(storedBytes: UInt64, usedBytes: UInt64, availableBytes: UInt64, objects: UInt64) {
        self.storedBytes = storedBytes
        self.usedBytes = usedBytes
        self.availableBytes = availableBytes
        self.objects = objects
    }
}

/// The body of `POST /v1/pools`. The pool is made ready for RBD.
public struct CreatePoolRequest: Codable, Hashable, Sendable, RequestBody {
    public var name: String
    /// `replicated` or `erasure`. The default is `replicated`.
    public var type: String?
    /// The number of placement groups, preferably a power of two. The default is `osd_pool_default_pg_num`.
    public var pgNum: Int?
    /// The number of copies in a replicated pool. The default is `osd_pool_default_size`.
    public var size: Int?
    /// `on`, `off` or `warn`. The default is `osd_pool_default_pg_autoscale_mode`.
    public var autoscale: String?
    /// For an erasure-coded pool: a profile that exists in the cluster.
    public var erasureCodeProfile: String?
    /// For an erasure-coded pool, in place of a profile: the number of data chunks.
    public var dataChunks: Int?
    /// The number of coding chunks: as many chunks can be lost.
    public var codingChunks: Int?
    /// The failure domain that holds at most one chunk, such as `host` or `osd`. The default is `host`.
    public var failureDomain: String?

    public init(name: String, pgNum: Int? = nil, size: Int? = nil, autoscale: String? = nil) {
        self.name = name
        self.pgNum = pgNum
        self.size = size
        self.autoscale = autoscale
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        type = try container.decodeIfPresent(String.self, forKey: .type)
        pgNum = try container.wholeNumber(Int.self, forKey: .pgNum)
        size = try container.wholeNumber(Int.self, forKey: .size)
        autoscale = try container.decodeIfPresent(String.self, forKey: .autoscale)
        erasureCodeProfile = try container.decodeIfPresent(String.self, forKey: .erasureCodeProfile)
        dataChunks = try container.wholeNumber(Int.self, forKey: .dataChunks)
        codingChunks = try container.wholeNumber(Int.self, forKey: .codingChunks)
        failureDomain = try container.decodeIfPresent(String.self, forKey: .failureDomain)
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case name, type, pgNum, size, autoscale, erasureCodeProfile, dataChunks, codingChunks, failureDomain
    }
}

/// The body of `PATCH /v1/pools/{pool}`. Fields that are left out stay as they are.
public struct UpdatePoolRequest: Codable, Hashable, Sendable, RequestBody {
    public var quota: PoolQuotaChange?
    public var size: Int?
    public var minSize: Int?
    public var pgNum: Int?
    /// `on`, `off` or `warn`.
    public var autoscale: String?
    /// `rbd` makes the pool ready for RBD.
    public var application: String?
    /// The pool's new name.
    public var name: String?

    public init() {}

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        quota = try container.decodeIfPresent(Strict<PoolQuotaChange>.self, forKey: .quota)?.body
        size = try container.wholeNumber(Int.self, forKey: .size)
        minSize = try container.wholeNumber(Int.self, forKey: .minSize)
        pgNum = try container.wholeNumber(Int.self, forKey: .pgNum)
        autoscale = try container.decodeIfPresent(String.self, forKey: .autoscale)
        application = try container.decodeIfPresent(String.self, forKey: .application)
        name = try container.decodeIfPresent(String.self, forKey: .name)
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case quota, size, minSize, pgNum, autoscale, application, name
    }
}

/// The changes to a pool's quota. A limit that is left out stays as it is; 0 and null remove it.
public struct PoolQuotaChange: Codable, Hashable, Sendable, RequestBody {
    public var maxBytes: ByteCount?
    public var maxObjects: UInt64?

    public init(maxBytes: ByteCount? = nil, maxObjects: UInt64? = nil) {
        self.maxBytes = maxBytes
        self.maxObjects = maxObjects
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if container.contains(.maxBytes) {
            maxBytes = try container.decodeIfPresent(ByteCount.self, forKey: .maxBytes) ?? ByteCount(0)
        }
        if container.contains(.maxObjects) {
            maxObjects = try container.wholeNumber(UInt64.self, forKey: .maxObjects) ?? 0
        }
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case maxBytes, maxObjects
    }
}
