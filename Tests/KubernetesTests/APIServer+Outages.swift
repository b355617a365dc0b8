// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `dev/release/apiserver` can do to the API server that it has started.
extension APIServer {
    /// The script's folder has the kubeconfigs, the pid files and the commands of the programs.
    private static var folder: String {
        get throws {
            let path = try #require(ProcessInfo.processInfo.environment["KUBECONFIG"])
            return URL(fileURLWithPath: path).deletingLastPathComponent().path
        }
    }

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("dev/release/apiserver").path

    private static func command(_ name: String) async throws {
        let result = try await Subprocess.run(script, [name, folder])
        try #require(result.status == 0, "\(result.standardError)")
    }

    /// Runs the body while the API server is dead: killed, without a word to its clients. Then it is started again.
    static func dead(_ body: () async throws -> Void) async throws {
        try await command("kill")
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        try await command("revive")
        try result.get()
    }

    /// Makes etcd forget all versions of objects but the last.
    static func compact() async throws {
        try await command("compact")
    }

    /// The cluster of a kubeconfig of `dev/release/apiserver`.
    struct Cluster: Decodable {
        var server: String
        /// The file with the certificate of its authority.
        var authority: String

        enum CodingKeys: String, CodingKey {
            case server
            case authority = "certificate-authority"
        }
    }

    static var cluster: Cluster {
        get throws {
            struct Kubeconfig: Decodable {
                struct Entry: Decodable {
                    var cluster: Cluster
                }

                var clusters: [Entry]
            }
            let path = try #require(ProcessInfo.processInfo.environment["KUBECONFIG"])
            let text = try Data(contentsOf: URL(fileURLWithPath: path))
            return try #require(try JSONDecoder().decode(Kubeconfig.self, from: text).clusters.first).cluster
        }
    }
}
