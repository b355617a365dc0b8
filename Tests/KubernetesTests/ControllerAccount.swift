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

    private struct Kubeconfig: Codable {
        struct Entry: Codable {
            struct Cluster: Codable {
                var server: String
                var authority: String

                enum CodingKeys: String, CodingKey {
                    case server
                    case authority = "certificate-authority"
                }
            }

            var cluster: Cluster
        }

        var clusters: [Entry]
    }

    private struct TokenRequest: Decodable {
        struct Status: Decodable {
            var token: String
        }

        var status: Status
    }

    /// The options of daemons whose controller uses this account.
    static func options() async throws -> [String] {
        [
            "--kubernetes-controller", "true", "--kubernetes-kubeconfig", try await kubeconfig(), "--trash-delay", "1h",
        ]
    }

    /// Grants the rights, and writes a kubeconfig with a token of the account.
    private static func kubeconfig() async throws -> String {
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

        let path = try #require(ProcessInfo.processInfo.environment["KUBECONFIG"])
        let admin = try JSONDecoder().decode(Kubeconfig.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        let cluster = try #require(admin.clusters.first).cluster
        let own = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).kubeconfig")
        let text = """
            {"apiVersion": "v1", "kind": "Config", "current-context": "controller",
            "clusters": [{"name": "test", "cluster": {"server": "\(cluster.server)",
            "certificate-authority": "\(cluster.authority)"}}],
            "users": [{"name": "controller", "user": {"token": "\(token)"}}],
            "contexts": [{"name": "controller", "context": {"cluster": "test", "user": "controller"}}]}
            """
        try Data(text.utf8).write(to: own)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: own.path)
        return own.path
    }
}

/// A static volume and its claim.
struct ClaimedVolume {
    let name: String
    var pool: String
    var fsid: String
    var storage = "1Gi"
    var volumeMode = "Filesystem"
    var reclaimPolicy = "Retain"
    var annotations: [String: String] = [:]

    var spec: String { "\(pool)/\(name)" }

    var volume: String {
        let pairs = annotations.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ",")
        return #"""
            {"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"\#(name)","annotations":{\#(pairs)},
            "labels":{"test":"controller"}},"spec":{"capacity":{"storage":"\#(storage)"},
            "accessModes":["ReadWriteOnce"],"storageClassName":"","volumeMode":"\#(volumeMode)",
            "persistentVolumeReclaimPolicy":"\#(reclaimPolicy)","claimRef":{"namespace":"default","name":"\#(name)"},
            "csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"\#(name)","fsType":"ext4","volumeAttributes":{
            "clusterID":"\#(fsid)","pool":"\#(pool)","staticVolume":"true","imageFeatures":"layering"},
            "nodeStageSecretRef":{"namespace":"default","name":"csi-rbd-secret"}}}}
            """#
    }

    var claim: String {
        #"""
        {"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"namespace":"default","name":"\#(name)",
        "labels":{"test":"controller"}},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"",
        "volumeName":"\#(name)","volumeMode":"\#(volumeMode)","resources":{"requests":{"storage":"\#(storage)"}}}}
        """#
    }

    /// Applies both, and waits until they are bound.
    func bind() async throws {
        let applied = try await APIServer.apply("\(volume)\n\(claim)")
        try #require(applied.status == 0, "\(applied.standardError)")
        try await APIServer.wait(for: "Bound", at: "{.status.phase}", of: "pvc/\(name)")
    }

    /// Raises, or lowers, the capacity of the volume.
    func setCapacity(_ storage: String) async throws {
        let patch = #"{"spec":{"capacity":{"storage":"\#(storage)"}}}"#
        let result = try await APIServer.kubectl("patch", "pv/\(name)", "--type", "merge", "-p", patch)
        try #require(result.status == 0, "\(result.standardError)")
    }

    /// Requests the deletion of both, and does not wait for it.
    func delete() async throws {
        for object in ["pvc/\(name)", "pv/\(name)"] {
            let result = try await APIServer.kubectl("delete", object, "--wait=false", "--ignore-not-found")
            try #require(result.status == 0, "\(result.standardError)")
        }
    }

    /// Deletes both, whatever holds them.
    func remove() async throws {
        let release = #"{"metadata":{"annotations":{"rbd-rest-api.io/reclaim":"retain"}}}"#
        _ = try await APIServer.kubectl("patch", "pv/\(name)", "--type", "merge", "-p", release)
        try await delete()
        try await waitUntilGone()
    }

    func waitUntilGone(within seconds: Double = 60) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while try await APIServer.kubectl("get", "pv/\(name)", "-o", "name").status == 0 {
            try #require(ContinuousClock.now < end, "the volume \(name) is still there")
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Waits until librbd tells this size.
    func waitForSize(_ bytes: UInt64, within seconds: Double) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        var size: UInt64?
        repeat {
            size = try? await RBDInfo.read(spec).size
            if size == bytes { return }
            try await Task.sleep(for: .milliseconds(50))
        } while ContinuousClock.now < end
        throw TestCluster.Failure(description: "\(spec) has \(size.map { "\($0)" } ?? "no") bytes, not \(bytes)")
    }

    /// The messages of all Events about the volume with a reason.
    func events(_ reason: String) async throws -> String {
        let fields = "involvedObject.name=\(name),reason=\(reason)"
        return try await APIServer.kubectl(
            "get",
            "events",
            "--namespace",
            "default",
            "--field-selector",
            fields,
            "-o",
            "jsonpath={.items[*].message}"
        ).standardOutput
    }
}
