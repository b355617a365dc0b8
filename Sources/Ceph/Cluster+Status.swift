// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// The cluster's state, as its monitors see it.
public struct ClusterState: Hashable, Sendable {
    /// The release that the monitors run, such as `16.2.15`; the lowest one if they differ. Nil if it is not known.
    public var version: String?
    /// `HEALTH_OK`, `HEALTH_WARN` or `HEALTH_ERR`.
    public var health: String
    public var checks: [HealthCheck]
    public var totalBytes: UInt64
    public var usedBytes: UInt64
    public var availableBytes: UInt64

    public struct HealthCheck: Hashable, Sendable {
        /// Ceph's name of the check, such as `POOL_APP_NOT_ENABLED`.
        public var code: String
        public var severity: String
        public var summary: String
    }
}

extension Cluster {
    /// Health, version and raw capacity.
    /// - C function: rados_mon_command (`health`, `versions`, `df`)
    public func state() async throws -> ClusterState {
        try await run(.readStatus, on: .cluster) { rados throws(CephError) in
            let health: HealthAnswer = try rados.answer(to: "health", .readStatus, on: .cluster)
            let release = try rados.lowestMonitorRelease()
            let usage: UsageAnswer = try rados.answer(to: "df", .readStatus, on: .cluster)
            return ClusterState(
                version: release?.description,
                health: health.status,
                checks: health.checks.map { code, check in
                    ClusterState.HealthCheck(code: code, severity: check.severity, summary: check.summary.message)
                }.sorted { $0.code < $1.code },
                totalBytes: usage.stats.totalBytes,
                usedBytes: usage.stats.usedBytes,
                availableBytes: usage.stats.availableBytes
            )
        }
    }

    /// The release that the monitors run; the lowest one if they differ. Nil if it is not known.
    /// - C function: rados_mon_command (`versions`)
    public func release() async throws -> Release? {
        try await run(.readStatus, on: .cluster) { rados throws(CephError) in try rados.lowestMonitorRelease() }
    }
}

extension RadosHandle {
    fileprivate func lowestMonitorRelease() throws(CephError) -> Release? {
        let versions: VersionsAnswer = try answer(to: "versions", .readStatus, on: .cluster)
        return versions.lowestMonitorRelease
    }
}

private struct HealthAnswer: Decodable {
    struct Check: Decodable {
        struct Summary: Decodable {
            var message: String
        }
        var severity: String
        var summary: Summary
    }
    var status: String
    var checks: [String: Check]
}

private struct VersionsAnswer: Decodable {
    /// The key is a sentence: "ceph version 16.2.15 (…) pacific (stable)".
    var mon: [String: Int]

    var lowestMonitorRelease: Release? {
        mon.keys.compactMap { sentence -> Release? in
            let words = sentence.split(separator: " ")
            guard words.count > 2, words[0] == "ceph", words[1] == "version" else { return nil }
            return Release(String(words[2]))
        }.min()
    }
}

private struct UsageAnswer: Decodable {
    struct Stats: Decodable {
        var totalBytes: UInt64
        var usedBytes: UInt64
        var availableBytes: UInt64

        private enum CodingKeys: String, CodingKey {
            case totalBytes = "total_bytes"
            case usedBytes = "total_used_raw_bytes"
            case availableBytes = "total_avail_bytes"
        }
    }
    var stats: Stats
}
