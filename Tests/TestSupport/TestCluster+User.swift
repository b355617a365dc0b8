// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph
import Foundation

/// All tests run as the user of `docs/security.md` that may also administer pools, created with the command of that
/// page. Checks from outside, with Ceph's own tools, run as `client.admin`.
extension TestCluster {
    public static let serviceUser = "client.rbd-pools"

    /// The path of the user's keyring.
    public static var serviceKeyring: String {
        get async throws { try await keyring.value }
    }

    private static let keyring = Task {
        let command = try TestCluster.command(of: serviceUser)
        let result = try await Subprocess.run("/bin/bash", ["-c", command])
        guard result.status == 0 else {
            throw Failure(
                description: """
                    \(serviceUser) can't be created with the command of docs/security.md: \(result.standardError)\
                    If the tests use another cluster, its ceph.conf must name a keyring with client.admin, and the \
                    user must not exist with other capabilities.
                    """
            )
        }
        let path = keyringPath
        guard
            FileManager.default.createFile(
                atPath: path,
                contents: Data(result.standardOutput.utf8),
                attributes: [.posixPermissions: 0o600]
            )
        else { throw Failure(description: "\(path) can't be written") }
        atexit { unlink(TestCluster.keyringPath) }
        return path
    }

    private static let keyringPath = FileManager.default.temporaryDirectory
        .appendingPathComponent("\(UUID()).keyring").path

    /// The default timeouts are for a healthy cluster. Here, all tests keep it busy at once.
    public static var configuration: ClusterConfiguration {
        get async throws {
            ClusterConfiguration(
                configFile: configFile,
                user: serviceUser,
                keyring: try await serviceKeyring,
                timeouts: .init(connect: 30, monitor: 60, osd: 60)
            )
        }
    }

    /// The daemon's options for the user; empty if there is no test cluster.
    public static var userOptions: [String] {
        get async throws {
            isAvailable ? ["--ceph-user", serviceUser, "--ceph-keyring", try await serviceKeyring] : []
        }
    }

    /// The page's command that creates a user.
    public static func command(of user: String) throws -> String {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/security.md")
        let page = try String(contentsOf: file, encoding: .utf8)
        guard let start = page.firstRange(of: "    ceph auth get-or-create \(user) \\\n")?.lowerBound else {
            throw Failure(description: "docs/security.md has no command for \(user)")
        }
        let rest = page[start...]
        return String(rest[..<(rest.firstRange(of: "\n\n")?.lowerBound ?? rest.endIndex)])
    }
}
