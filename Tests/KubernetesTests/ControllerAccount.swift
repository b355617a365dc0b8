// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The service account of the pods, with the rights of `deploy/kubernetes/overlays/controller` and no others.
enum ControllerAccount {
    private static let overlay = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("deploy/kubernetes/overlays/controller")

    private struct TokenRequest: Decodable {
        struct Status: Decodable {
            var token: String
        }

        var status: Status
    }

    /// The options of daemons whose controller uses this account.
    /// - Parameter proxy: between the controller and the API server; nil if there is none.
    static func options(through proxy: RecordingProxy? = nil) async throws -> [String] {
        let path = try await kubeconfig(through: proxy)
        return ["--kubernetes-controller", "true", "--kubernetes-kubeconfig", path, "--trash-delay", "1h"]
    }

    /// Grants the rights, and writes a kubeconfig with a token of the account.
    private static func kubeconfig(through proxy: RecordingProxy?) async throws -> String {
        let rights = ["rights.yaml", "names-of-clients.yaml"].map { overlay.appendingPathComponent($0).path }
        let granted = try await APIServer.kubectl(["apply"] + rights.flatMap { ["-f", $0] })
        try #require(granted.status == 0, "\(granted.standardError)")

        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json")
        let request =
            #"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":7200}}"#
        try Data(request.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let account = "/api/v1/namespaces/rbd-rest-api/serviceaccounts/rbd-rest-api/token"
        let made = try await APIServer.kubectl("create", "--raw", account, "-f", file.path)
        try #require(made.status == 0, "\(made.standardError)")
        let token = try JSONDecoder().decode(TokenRequest.self, from: Data(made.standardOutput.utf8)).status.token

        var cluster = #""server": "\#(proxy?.address ?? "")""#
        if proxy == nil {
            let found = try APIServer.cluster
            cluster = #""server": "\#(found.server)", "certificate-authority": "\#(found.authority)""#
        }
        let own = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).kubeconfig")
        let text = """
            {"apiVersion": "v1", "kind": "Config", "current-context": "controller",
            "clusters": [{"name": "test", "cluster": {\(cluster)}}],
            "users": [{"name": "controller", "user": {"token": "\(token)"}}],
            "contexts": [{"name": "controller", "context": {"cluster": "test", "user": "controller"}}]}
            """
        try Data(text.utf8).write(to: own)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: own.path)
        return own.path
    }
}
