// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Ceph
import Foundation
import NIOCore
import NIOHTTP1
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Admission reviews on a real cluster, as an API server sends them.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct VolumeReviewTests {
    /// Recorded reviews of API servers, literally except for the cluster and the pool.
    @Test(arguments: [
        ("pv-csi-static-create", "static-image", false), ("pv-csi-static-create-k8s1.20", "static-image", false),
        ("pv-csi-static-create-dryrun", "static-image", true), ("pv-intree-rbd-create", "img-1", false),
        ("pv-intree-rbd-create-k8s1.20", "img-1", false), ("pv-intree-rbd-create-dryrun", "img-1", true),
    ])
    func recordedReviewsAreAnswered(name: String, image: String, isDryRun: Bool) async throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/admission/\(name).json")
        let recorded = try String(contentsOf: file, encoding: .utf8)
        try await withVolumeSetting { setting in
            let review = recorded.replacing(#/"clusterID":"[0-9a-f-]+"/#, with: #""clusterID":"\#(setting.fsid)""#)
                .replacing(#""pool":"rbd""#, with: #""pool":"\#(setting.pool)""#)
            let verdict = try await setting.review(review)
            #expect(verdict.allowed, "\(verdict.status?.message ?? "")")
            #expect(review.contains("\"uid\":\"\(verdict.uid)\""))
            #expect(verdict.warnings?.first?.contains(isDryRun ? "would be created: " : "was created: ") == true)
            #expect(try await setting.images() == (isDryRun ? [] : [image]))
            if isDryRun { return }
            let info = try await RBDInfo.read("\(setting.pool)/\(image)")
            #expect(info.size == 1 << 30)
            #expect(info.features == ["layering"])
        }
    }

    @Test func aDryRunChangesNothingAndSaysWhatWouldHappen() async throws {
        try await withVolumeSetting { setting in
            let would = try await setting.review(setting.volume().review(dryRun: true))
            #expect(would.allowed)
            #expect(
                would.warnings
                    == ["image \(setting.pool)/vol would be created: 1073741824 bytes, features layering"]
            )
            #expect(try await setting.images().isEmpty)
            let objects = try await TestCluster.run("rados", ["-p", setting.pool, "ls"])
            // These objects belong to the pool itself. Newer `rbd pool init` also makes the second one.
            #expect(objects.split(separator: "\n").filter { $0 != "rbd_info" && $0 != "rbd_trash" }.isEmpty)
            _ = try await setting.review(setting.volume().review())
            let adopted = try await setting.review(setting.volume().review(dryRun: true))
            #expect(adopted.warnings?.first?.contains("would be used as it is") == true)
            let small = try await setting.review(setting.volume(storage: "2Gi").review(dryRun: true))
            #expect(!small.allowed)
            var absent = setting.volume("other")
            absent.pool = "absent"
            let missing = try await setting.review(absent.review(dryRun: true))
            #expect(!missing.allowed)
            var nonsense = setting.volume("other")
            nonsense.features = "fast-diff"
            let refused = try await setting.review(nonsense.review(dryRun: true))
            #expect(!refused.allowed)
        }
    }

    /// Nothing enlarges the image of a static volume. A change is allowed, and does not touch the image.
    @Test(arguments: [false, true])
    func aVolumeThatOutgrowsItsImageIsTold(isInTree: Bool) async throws {
        try await withVolumeSetting(["kubernetes-quiet": "true"]) { setting in
            var small = setting.volume()
            small.isInTree = isInTree
            var large = small
            large.storage = "2Gi"
            let spec = "\(setting.pool)/vol"
            func warnings(from old: TestVolume, to new: TestVolume, isDryRun: Bool = false) async throws -> [String] {
                let verdict = try await setting.review(new.review(dryRun: isDryRun, replacing: old))
                #expect(verdict.allowed)
                return verdict.warnings ?? []
            }
            // No image is created for a change.
            #expect(try await warnings(from: small, to: large).isEmpty)
            #expect(try await setting.images().isEmpty)
            #expect(try await setting.review(small.review()).allowed)
            for isDryRun in [true, false] {
                let told = try await warnings(from: small, to: large, isDryRun: isDryRun)
                #expect(
                    told == [
                        "spec.capacity.storage is now 2GiB, but image \(spec) has only 1GiB, and nothing enlarges it; "
                            + "run rbdctl image resize \(spec) 2GiB"
                    ]
                )
            }
            let info = try await RBDInfo.read(spec)
            #expect(info.size == 1 << 30)
            #expect(try await warnings(from: large, to: small).isEmpty)
            #expect(try await warnings(from: large, to: large).isEmpty)
            try await TestCluster.run("rbd", ["resize", "--no-progress", "--size", "2G", spec])
            #expect(try await warnings(from: small, to: large).isEmpty)
        }
    }

    /// With `kubernetes-quiet`, a volume whose image is as it should be gets no warning.
    @Test func quietWarningsNameOnlyWhatIsUnusual() async throws {
        try await withVolumeSetting(["kubernetes-quiet": "true"]) { setting in
            for isDryRun in [true, false, true, false] {
                let verdict = try await setting.review(setting.volume().review(dryRun: isDryRun))
                #expect(verdict.allowed)
                #expect(verdict.warnings == nil)
            }
            #expect(try await setting.images() == ["vol"])
            let smaller = try await setting.review(setting.volume(storage: "1Mi").review())
            #expect(smaller.allowed)
            #expect(smaller.warnings?.count == 1)
            #expect(smaller.warnings?.first?.hasSuffix("more than the 1048576 of the volume") == true)
            var other = setting.volume()
            other.features = "layering,exclusive-lock"
            let differing = try await setting.review(other.review())
            #expect(differing.warnings?.count == 1)
            #expect(differing.warnings?.first?.contains("lacks exclusive-lock") == true)
            // The callers of the API are always told.
            let asked: VolumeOutcome = try await setting.ask(setting.volume()).decoded()
            #expect(asked.warnings.first?.contains("used as it is") == true)
        }
    }

    /// A dry run finds every error that the real request would have.
    @Test func aDryRunFindsOutWhatLibrbdWould() async throws {
        try await withVolumeSetting { setting in
            var huge = setting.volume("huge", storage: "2Pi")
            huge.features = "layering,exclusive-lock,object-map"
            // The remains of a create that was killed after its first step.
            try await TestCluster.put(Data([4, 0, 0, 0] + Array("dead".utf8)), as: "rbd_id.half", into: setting.pool)
            for (volume, words) in [
                (huge, "spec.capacity.storage: "), (setting.volume("half"), "leads to no complete image"),
            ] {
                for isDryRun in [true, false] {
                    let verdict = try await setting.review(volume.review(dryRun: isDryRun))
                    #expect(!verdict.allowed)
                    #expect(
                        verdict.status?.message.contains(words) == true,
                        "\(isDryRun): \(verdict.status?.message ?? "")"
                    )
                }
            }
            #expect(try await setting.images().isEmpty)
        }
    }

    /// A review may have twice the size of the largest object of etcd. The rest of a longer one is not read.
    @Test func anOversizedReviewIsRefusedAndTheNextOneAnswered() async throws {
        try await withVolumeSetting { setting in
            func review(_ image: String, _ bytes: Int) -> String {
                var volume = setting.volume(image)
                volume.annotations = ["note": String(repeating: "x", count: bytes)]
                return volume.review()
            }
            #expect(try await setting.review(review("large", 3 << 20)).allowed)
            var request = HTTPClientRequest(
                url: try #require(setting.server.webhookURL) + "/kubernetes/v1/admission/persistentvolumes"
            )
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: review("oversized", 9 << 20)))
            let status = try? await setting.client.execute(request, timeout: .seconds(60)).status
            // The service may close the connection before the whole request was sent.
            #expect(status == .payloadTooLarge || status == nil)
            #expect(try await setting.review(review("next", 10)).allowed)
            #expect(try await setting.images() == ["large", "next"])
        }
    }

    /// A change that can't be recorded is not made, and the review is still answered.
    @Test func withoutTheAuditLogNothingIsMade() async throws {
        try await withVolumeSetting(["audit-log": "/dev/full"]) { setting in
            let verdict = try await setting.review(setting.volume().review())
            #expect(!verdict.allowed)
            #expect(verdict.status?.code == 503)
            #expect(verdict.status?.message.contains("the audit log can't be written") == true)
            #expect(try await setting.images().isEmpty)
            #expect(try await setting.review(setting.volume().review(dryRun: true)).allowed)
        }
    }

    /// The audit log has a line for each review about an image, and none for others.
    @Test func theAuditLogHasWhatWasAskedFor() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).audit").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withVolumeSetting(["audit-log": path]) { setting in
            _ = try await setting.review(setting.volume().review())
            _ = try await setting.review(setting.volume("dry").review(dryRun: true))
            _ = try await setting.review(setting.volume(storage: "2Gi").review())
            _ = try await setting.review(setting.volume().review().replacing("CREATE", with: "DELETE"))
            var volume = setting.volume()
            volume.pool = "rbd"
            _ = try await setting.review(volume.review())
            let answer = try await setting.ask(setting.volume("asked"))
            #expect(answer.status == 201)
            let lines = try AuditRecord.read(path).filter { $0.event == "request" }
            #expect(lines.map(\.outcome) == ["succeeded", "failed", "refused", "succeeded"])
            #expect(lines.map(\.verb) == ["create", "create", nil, "create"])
            #expect(lines.map(\.object) == ["\(setting.pool)/vol", "\(setting.pool)/vol", "", "\(setting.pool)/asked"])
            #expect(lines.map(\.code) == [nil, "image-differs", "pool-not-allowed", nil])
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.contains(#""user":"alice""#))
            #expect(text.contains(#""volume":"pv-vol""#))
        }
    }

    @Test func whoShowsNoCertificateIsTurnedAway() async throws {
        let authority = try await Authority()
        let issued = try await authority.issue(subject: "/CN=kube-apiserver")
        try await withVolumeSetting(["webhook-tls-client-ca": authority.certificate]) { setting in
            await #expect(throws: (any Error).self) { try await setting.review(setting.volume().review()) }
            let images = try await setting.images()
            #expect(images.isEmpty)
        }
        try await TestCluster.withPool { pool, cluster in
            let certificate = try await ServerCertificate()
            let values = try SettingValues(
                commandLine: [
                    "port": "0", "webhook-port": "0", "audit-log": "off",
                    "webhook-tls-certificate": certificate.certificate,
                    "webhook-tls-key": certificate.key, "kubernetes-pools": pool,
                    "webhook-tls-client-ca": authority.certificate,
                ],
                environment: [:],
                file: nil
            )
            var configuration = try ServiceConfiguration(values)
            configuration.cluster = try await TestCluster.configuration
            let fsid = cluster.fsid
            try await TestServer.withCluster(change: { [configuration] in $0 = configuration }) { server in
                try await withTLSClient(trusting: certificate.trust, showing: issued) { client in
                    let setting = VolumeSetting(server: server, client: client, pool: pool, fsid: fsid)
                    let verdict = try await setting.review(setting.volume().review())
                    #expect(verdict.allowed)
                }
            }
        }
    }

    /// Many reviews of the same volume, sent to two replicas.
    @Test func manyAtOnceMakeOneImage() async throws {
        try await withVolumeSetting { one in
            try await withVolumeSetting(["kubernetes-pools": "*"]) { two in
                let volume = one.volume()
                let verdicts = try await withThrowingTaskGroup(of: Verdict.Response.self) { group in
                    for number in 0..<32 {
                        group.addTask {
                            try await (number % 2 == 0 ? one : two).review(volume.review(), timeout: "30s")
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(verdicts.allSatisfy { $0.allowed })
                #expect(verdicts.filter { $0.warnings?.first?.contains("was created") == true }.count == 1)
                #expect(try await one.images() == ["vol"])
                let headers = try await TestCluster.run("rados", ["-p", one.pool, "ls"]).split(separator: "\n")
                    .filter { $0.hasPrefix("rbd_header.") }
                #expect(headers.count == 1)
            }
        }
    }

    /// The messages use the terms of PersistentVolumes.
    @Test func hintsSpeakOfTheVolume() async throws {
        try await withVolumeSetting(["kubernetes-cluster-ids": "plain,tenant/team-a"]) { setting in
            var volume = setting.volume()
            (volume.fsid, volume.pool) = ("plain", "absent")
            let pool = try await setting.review(volume.review()).status?.message
            #expect(pool?.hasSuffix("create the pool: rbdctl pool create absent") == true, "\(pool ?? "")")
            (volume.fsid, volume.pool) = ("tenant", setting.pool)
            let namespace = try await setting.review(volume.review()).status?.message
            let command = "rbdctl namespace create \(setting.pool)/team-a"
            #expect(namespace?.hasSuffix(command) == true, "\(namespace ?? "")")
        }
    }
}
