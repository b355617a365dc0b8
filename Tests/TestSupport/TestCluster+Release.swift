// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph

/// What differs between releases of Ceph, as far as the tests' own tools are concerned.
extension TestCluster {
    private static let foundRelease = Task {
        let words = try await run("ceph", ["--version"]).split(separator: " ")
        guard words.count > 2, let release = Release(String(words[2])) else {
            throw Failure(description: "`ceph --version` does not tell its release: \(words)")
        }
        return release
    }

    /// That of the tools, which is the cluster's.
    public static func release() async throws -> Release {
        try await foundRelease.value
    }

    /// Runs `ceph osd blocklist`, which before Ceph 16 has another name.
    @discardableResult
    public static func blocklist(_ arguments: String...) async throws -> String {
        let command = try await release().major < 16 ? "blacklist" : "blocklist"
        return try await run("ceph", ["osd", command] + arguments)
    }
}
