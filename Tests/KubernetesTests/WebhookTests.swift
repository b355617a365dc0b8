// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

/// All of these tests share the API server, the two replicas' ports and the Ceph cluster, and some of them stop what
/// others need.
@Suite(.serialized, .tags(.cluster), .enabled(if: APIServer.isAvailable), .timeLimit(.minutes(10)))
enum KubernetesTests {}

extension KubernetesTests {
    /// The webhook from the view of `kubectl`.
    @Suite struct WebhookTests {
        private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/kubernetes")

        /// `kubectl apply` of the example is enough: the image is created.
        @Test func theStaticExampleIsBound() async throws {
            try await Replicas.serving { _, _, fsid in
                let file = Self.deploy.appendingPathComponent("examples/static-volume.yaml")
                let text = try String(contentsOf: file, encoding: .utf8)
                let placeholder = try #require(text.firstMatch(of: /clusterID: (\S+)/)?.1)
                let example = text.replacing(placeholder, with: fsid)
                let applied = try await APIServer.applyPatiently(example)
                let told = applied.standardError
                #expect(applied.status == 0, "\(told)")
                // An attempt that was denied because it took too long may have created the image.
                let isFound =
                    told.contains("denied the request: ")
                    && told.contains("image rbd/data exists already and is used as it is: 10737418240 bytes")
                #expect(
                    isFound || told.contains("image rbd/data was created: 10737418240 bytes, features layering"),
                    "\(told)"
                )
                try await APIServer.wait(for: "Bound", at: "{.status.phase}", of: "pv/data")
                try await APIServer.wait(for: "Bound", at: "{.status.phase}", of: "pvc/data")
                let image = try await RBDInfo.read("rbd/data")
                #expect(image.size == 10 << 30)
                #expect(image.features == ["layering"])

                // A change and the deletion of the volume are allowed, and do not touch the image.
                let labelled = try await APIServer.kubectl("label", "pv/data", "seen=yes")
                #expect(labelled.status == 0, "\(labelled.standardError)")
                let again = try await APIServer.applyPatiently(example)
                #expect(again.status == 0, "\(again.standardError)")
                for object in ["pod/data", "pvc/data", "pv/data"] {
                    let deleted = try await APIServer.kubectl("delete", object, "--ignore-not-found", "--now")
                    #expect(deleted.status == 0, "\(deleted.standardError)")
                }
                #expect(try await RBDInfo.read("rbd/data") == image)
                try await TestCluster.run("rbd", ["rm", "--no-progress", "rbd/data"])
            }
        }

        /// What the warning about `persistentVolumeReclaimPolicy: Delete` says: the volume becomes Failed, and its
        /// image stays.
        @Test func aPolicyOfDeletionDeletesNothing() async throws {
            try await Replicas.serving { _, pool, fsid in
                let volume = TestVolume(pool: pool, fsid: fsid, image: TestCluster.uniqueName("failed"))
                let claim = """
                    {"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"\(volume.name)","namespace":"default"},
                    "spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"","volumeName":"\(volume.name)",
                    "resources":{"requests":{"storage":"1Gi"}}}}
                    """
                let manifests = volume.json.replacing(#""Retain""#, with: #""Delete""#) + "\n" + claim
                let applied = try await APIServer.applyPatiently(manifests)
                #expect(applied.status == 0, "\(applied.standardError)")
                #expect(
                    applied.standardError.contains("the volume becomes Failed and the image stays"),
                    "\(applied.standardError)"
                )
                try await APIServer.wait(for: "Bound", at: "{.status.phase}", of: "pv/\(volume.name)")
                let unbound = try await APIServer.kubectl("delete", "pvc/\(volume.name)", "--now")
                #expect(unbound.status == 0, "\(unbound.standardError)")
                try await APIServer.wait(for: "Failed", at: "{.status.phase}", of: "pv/\(volume.name)")
                let deleted = try await APIServer.kubectl("delete", "pv/\(volume.name)", "--now")
                #expect(deleted.status == 0, "\(deleted.standardError)")
                #expect(try await RBDInfo.read("\(pool)/\(volume.image)").size == 1 << 30)
            }
        }

        /// Drivers whose names end in that of Ceph's reach the service. Its setting says whether it creates images.
        @Test func aDriverOfRookIsHandledOrNamed() async throws {
            for drivers in ["rbd.csi.ceph.com", "*.rbd.csi.ceph.com"] {
                try await Replicas.serving(["--kubernetes-drivers", drivers]) { _, pool, fsid in
                    let label = TestCluster.uniqueName("rook")
                    var volume = TestVolume(pool: pool, fsid: fsid, image: label)
                    volume.labels = ["test": label]
                    let json = volume.json.replacing("rbd.csi.ceph.com", with: "rook-ceph.rbd.csi.ceph.com")
                    let applied = try await APIServer.applyPatiently(json)
                    #expect(applied.status == 0, "\(applied.standardError)")
                    let isNamed = applied.standardError.contains("does not name rook-ceph.rbd.csi.ceph.com")
                    #expect(isNamed == !drivers.hasPrefix("*"), "\(applied.standardError)")
                    let images = try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").map(String.init)
                    #expect(images == (isNamed ? [] : [label]))
                    try await Self.deleteVolumes(labelled: label)
                }
            }
        }

        /// Every kind of verdict, first in a dry run, then in a real request: the verdicts are the same.
        @Test func aDryRunHasTheSameVerdictsAndMakesNothing() async throws {
            try await Replicas.serving { _, pool, fsid in
                let label = TestCluster.uniqueName("dry")
                func volume(_ image: String, _ change: (inout TestVolume) -> Void = { _ in }) -> TestVolume {
                    var volume = TestVolume(pool: pool, fsid: fsid, image: "\(label)-\(image)")
                    volume.labels = ["test": label]
                    change(&volume)
                    return volume
                }
                try await TestCluster.run("rbd", ["create", "--size", "2G", "\(pool)/\(label)-large"])
                try await TestCluster.run("rbd", ["create", "--size", "1M", "\(pool)/\(label)-small"])
                let before = try await TestCluster.run("rados", ["-p", pool, "ls"]).split(separator: "\n").sorted()

                let cases: [(volume: TestVolume, verdict: String?, words: [String])] = [
                    (volume("missing"), nil, ["created: 1073741824 bytes, features layering"]),
                    (volume("in-tree") { $0.isInTree = true }, nil, ["created: 1073741824 bytes, features layering"]),
                    (
                        volume("features") {
                            $0.features = "layering,exclusive-lock"; $0.storage = "1500M"
                        }, nil,
                        ["created: 1500000000 bytes, features layering,exclusive-lock"]
                    ),
                    (volume("large"), nil, ["used as it is: 2147483648 bytes, more than the 1073741824 of the volume"]),
                    (volume("small"), "Forbidden", ["has only 1MiB; the volume needs 1GiB", "rbdctl image resize"]),
                    (volume("absent") { $0.pool = "absent" }, "Forbidden", ["\"absent\"", "rbdctl pool create"]),
                    (volume("foreign") { $0.pool = "other" }, "Forbidden", ["\"other\"", "kubernetes-pools"]),
                    (volume("cluster") { $0.fsid = "another" }, "Forbidden", ["\"another\"", fsid]),
                    (volume("nonsense") { $0.features = "fast-diff" }, "Forbidden", ["imageFeatures"]),
                    (volume("unknown") { $0.features = "teleport" }, "Forbidden", ["imageFeatures", "teleport"]),
                    (
                        volume("attached") { $0.secrets.append("controllerPublishSecretRef") }, "Forbidden",
                        ["spec.csi.controllerPublishSecretRef"]
                    ),
                    (volume("unlayered") { $0.features = "" }, "Forbidden", ["imageFeatures", "without-layering"]),
                    (volume("almost-static") { $0.staticVolume = "yes" }, nil, ["volumeAttributes.staticVolume is"]),
                    (volume("opted-out") { $0.annotations = ["rbd-rest-api.io/ensure": "false"] }, nil, []),
                ]
                for isDryRun in [true, false] {
                    for (volume, verdict, words) in cases {
                        let result =
                            isDryRun
                            ? try await APIServer.applyPatiently([volume], "--dry-run=server")
                            : try await APIServer.applyPatiently([volume])
                        #expect((result.status == 0) == (verdict == nil), "\(volume.image): \(result.standardError)")
                        if verdict != nil { #expect(result.standardError.contains("denied the request: ")) }
                        if words.isEmpty { #expect(!result.standardError.contains("image")) }
                        for word in words {
                            #expect(result.standardError.contains(word), "\(volume.image): \(result.standardError)")
                        }
                    }
                    guard isDryRun else { continue }
                    let after = try await TestCluster.run("rados", ["-p", pool, "ls"]).split(separator: "\n").sorted()
                    #expect(after == before)
                    #expect(try await APIServer.volumes(labelled: "test=\(label)").isEmpty)
                }
                let allowed = cases.filter { $0.verdict == nil }.map(\.volume.name).sorted()
                #expect(try await APIServer.volumes(labelled: "test=\(label)").sorted() == allowed)
                #expect(
                    try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").map(String.init).sorted()
                        == ["features", "in-tree", "large", "missing", "small"].map { "\(label)-\($0)" }
                )
                let image = try await RBDInfo.read("\(pool)/\(label)-features")
                #expect(image.size == 1_500_000_000)
                #expect(image.features == ["layering", "exclusive-lock"])
                try await Self.deleteVolumes(labelled: label)
            }
        }

        /// The script is run again while volumes are created.
        @Test func aNewCertificateFailsNoReview() async throws {
            try await Replicas.serving { _, pool, fsid in
                let label = TestCluster.uniqueName("renewed")
                // A task that is cancelled ends its programs at once, and the last volume would count as refused.
                let end = EndFlag()
                let applying = Task {
                    var number = 0
                    while !end.isSet, !Task.isCancelled {
                        number += 1
                        var volume = TestVolume(pool: pool, fsid: fsid, image: "\(label)-\(number)")
                        volume.labels = ["test": label]
                        let made = try await APIServer.applyPatiently([volume])
                        #expect(made.status == 0, "\(made.standardError)")
                    }
                    return number
                }
                defer { applying.cancel() }
                let script = Self.deploy.appendingPathComponent("webhook-certificate").path
                for _ in 0..<2 {
                    let renewed = try await Subprocess.run(script, ["--apply", "--kubectl", APIServer.kubectlPath])
                    #expect(renewed.status == 0, "\(renewed.standardError)")
                    // API servers notice the change by a watch, and the daemons by a look once a second.
                    try await Task.sleep(for: .seconds(5))
                    try await Replicas.mountCertificate()
                    try await Task.sleep(for: .seconds(3))
                }
                end.set()
                #expect(try await applying.value > 3)
                try await Self.deleteVolumes(labelled: label)
            }
        }

        /// Objects that do not concern the service are not delayed, even if the service is down.
        @Test func otherVolumesNeedNobody() async throws {
            try await Replicas.serving { replicas, pool, fsid in
                let label = TestCluster.uniqueName("kept")
                var ours = TestVolume(pool: pool, fsid: fsid, image: label)
                ours.labels = ["test": label]
                let made = try await APIServer.applyPatiently([ours])
                try #require(made.status == 0, "\(made.standardError)")
                for number in 0..<Replicas.count { await replicas.stop(number, by: SIGKILL) }

                let refused = try await APIServer.apply([TestVolume(pool: pool, fsid: fsid, image: "\(label)-2")])
                #expect(refused.status != 0)
                #expect(refused.standardError.contains("failed calling webhook"), "\(refused.standardError)")
                // Removing finalizers and deleting volumes must work without the service.
                let changed = try await APIServer.kubectl("label", "pv/\(ours.name)", "seen=yes")
                #expect(changed.status == 0, "\(changed.standardError)")
                try await Self.deleteVolumes(labelled: label)
            }
        }

        /// A capacity can always be raised. API servers before 1.28 do not call the webhook for it.
        @Test func aVolumeThatOutgrowsItsImageIsTold() async throws {
            let configuration = "validatingwebhookconfiguration/rbd-rest-api"
            let names = try await APIServer.value("{.webhooks[*].name}", of: configuration).split(separator: " ")
            try await Replicas.serving { replicas, pool, fsid in
                let label = TestCluster.uniqueName("outgrown")
                var volume = TestVolume(pool: pool, fsid: fsid, image: label)
                volume.labels = ["test": label]
                let made = try await APIServer.applyPatiently([volume])
                try #require(made.status == 0, "\(made.standardError)")
                func raise(to storage: String) async throws -> Subprocess {
                    let patch = #"{"spec":{"capacity":{"storage":"\#(storage)"}}}"#
                    return try await APIServer.kubectl(
                        "patch",
                        "pv/\(volume.name)",
                        "--type",
                        "merge",
                        "--patch",
                        patch
                    )
                }
                let raised = try await raise(to: "2Gi")
                #expect(raised.status == 0, "\(raised.standardError)")
                let isTold = raised.standardError.contains("run rbdctl image resize \(pool)/\(label) 2GiB")
                #expect(isTold == (names.count == 2), "\(raised.standardError)")
                #expect(try await RBDInfo.read("\(pool)/\(label)").size == 1 << 30)

                for number in 0..<Replicas.count { await replicas.stop(number, by: SIGKILL) }
                let alone = try await raise(to: "3Gi")
                #expect(alone.status == 0, "\(alone.standardError)")
                try await Self.deleteVolumes(labelled: label)
            }
        }

        /// Deletes them in one request, because kubectl would send only five per second.
        static func deleteVolumes(labelled label: String) async throws {
            let selector = "/api/v1/persistentvolumes?labelSelector=test%3D\(label)"
            let deleted = try await APIServer.kubectl("delete", "--raw", selector)
            #expect(deleted.status == 0, "\(deleted.standardError)")
        }
    }
}

/// Tells another task to end after its current step.
private final class EndFlag: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() { flag.store(true, ordering: .releasing) }
}
