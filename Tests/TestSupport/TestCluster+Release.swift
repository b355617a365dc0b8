// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph

/// The differences between releases of Ceph that the tests' own tools need.
extension TestCluster {
    private static let foundRelease = Task {
        let words = try await run("ceph", ["--version"]).split(separator: " ")
        guard words.count > 2, let release = Release(String(words[2])) else {
            throw Failure(description: "`ceph --version` does not tell its release: \(words)")
        }
        return release
    }

    /// The release of the tools, which is the cluster's.
    public static func release() async throws -> Release {
        try await foundRelease.value
    }

    /// Mirrors an image by its journal, which it must have. `rbd` of Ceph 14 only knows this way, and accepts no mode.
    public static func mirrorByJournal(_ spec: String) async throws {
        let mode = try await release().major < 16 ? [] : ["journal"]
        try await run("rbd", ["mirror", "image", "enable", spec] + mode)
    }

    /// Whether `rbd encryption` exists.
    public static func hasEncryption() async throws -> Bool { try await release().major >= 16 }

    /// Runs `ceph osd blocklist`, which has another name before Ceph 16.
    @discardableResult
    public static func blocklist(_ arguments: String...) async throws -> String {
        let command = try await release().major < 16 ? "blacklist" : "blocklist"
        return try await run("ceph", ["osd", command] + arguments)
    }
}
