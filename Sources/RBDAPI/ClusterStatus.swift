// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The Ceph cluster behind the service: `GET /v1/cluster`.
public struct ClusterStatus: Codable, Hashable, Sendable {
    public var fsid: String
    /// The version that the monitors run, such as `16.2.15`; null if it is not known.
    @Nullable public var cephVersion: String?
    /// The version of the librados that the service runs with.
    public var libradosVersion: String
    /// The type of the service's own key: `aes`, or `aes256k` in newer clusters; null if it is not known.
    @Nullable public var keyType: String?
    public var health: ClusterHealth
    public var capacity: ClusterCapacity

    public init(
        fsid: String,
        cephVersion: String?,
        libradosVersion: String,
        keyType: String?,
        health: ClusterHealth,
        capacity: ClusterCapacity
    ) {
        self.fsid = fsid
        self.cephVersion = cephVersion
        self.libradosVersion = libradosVersion
        self.keyType = keyType
        self.health = health
        self.capacity = capacity
    }
}

public struct ClusterHealth: Codable, Hashable, Sendable {
    /// `HEALTH_OK`, `HEALTH_WARN` or `HEALTH_ERR`.
    public var status: String
    public var checks: [HealthCheck]

    public init(status: String, checks: [HealthCheck]) {
        self.status = status
        self.checks = checks
    }
}

public struct HealthCheck: Codable, Hashable, Sendable {
    /// Ceph's name of the check, such as `POOL_APP_NOT_ENABLED`.
    public var code: String
    public var severity: String
    public var summary: String

    public init(code: String, severity: String, summary: String) {
        self.code = code
        self.severity = severity
        self.summary = summary
    }
}

/// Raw capacity of all devices, before replication.
public struct ClusterCapacity: Codable, Hashable, Sendable {
    public var totalBytes: UInt64
    public var usedBytes: UInt64
    public var availableBytes: UInt64

    public init(totalBytes: UInt64, usedBytes: UInt64, availableBytes: UInt64) {
        self.totalBytes = totalBytes
        self.usedBytes = usedBytes
        self.availableBytes = availableBytes
    }
}
