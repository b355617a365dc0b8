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

/// Images of PersistentVolumes on a real cluster, by both ways in.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct VolumeTests {
    /// A PersistentVolume with a pool of its own.
    struct Volume {
        var pool: String
        var fsid: String
        var image = "vol"
        var storage = "1Gi"
        var features: String? = "layering"
        var isInTree = false

        var json: String {
            let features = features.map { #","imageFeatures":"\#($0)""# } ?? ""
            let source =
                isInTree
                ? #""rbd":{"monitors":["127.0.0.1:6789"],"image":"\#(image)","pool":"\#(pool)"}"#
                : #""csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"\#(image)","volumeAttributes":"#
                    + #"{"clusterID":"\#(fsid)","pool":"\#(pool)","staticVolume":"true"\#(features)}}"#
            return
                #"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv-\#(image)"},"spec":{"capacity":"#
                + #"{"storage":"\#(storage)"},\#(source),"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Retain"}}"#
        }

        func review(dryRun: Bool = false, uid: String = "u-1") -> String {
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"\#(uid)","resource":{"group":"","#
                + #""version":"v1","resource":"persistentvolumes"},"operation":"CREATE","userInfo":{"username":"alice"},"#
                + #""object":\#(json),"oldObject":null,"dryRun":\#(dryRun)}}"#
        }
    }

    struct Verdict: Decodable {
        struct Response: Decodable {
            struct Status: Decodable {
                var code: Int
                var message: String
            }
            var uid: String
            var allowed: Bool
            var status: Status?
            var warnings: [String]?
        }
        var response: Response
    }

    /// The service with a webhook.
    struct Setting: Sendable {
        let server: TestServer
        let client: HTTPClient
        let pool: String
        let fsid: String

        func review(_ review: String, timeout: String = "10s") async throws -> Verdict.Response {
            let path = "/kubernetes/v1/admission/persistentvolumes?timeout=\(timeout)"
            var request = HTTPClientRequest(url: try #require(server.webhookURL) + path)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: review))
            let response = try await client.execute(request, timeout: .seconds(60))
            let body = Data(try await response.body.collect(upTo: 1 << 20).readableBytesView)
            #expect(response.status == .ok, "\(String(decoding: body, as: UTF8.self))")
            return try JSONDecoder().decode(Verdict.self, from: body).response
        }

        func ask(_ volume: Volume, isDryRun: Bool = false) async throws -> TestServer.Answer {
            try await server.post("/kubernetes/v1/persistentvolumes\(isDryRun ? "?dryRun=true" : "")", volume.json)
        }

        func volume(_ image: String = "vol", storage: String = "1Gi") -> Volume {
            Volume(pool: pool, fsid: fsid, image: image, storage: storage)
        }

        func images() async throws -> [String] {
            try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").map(String.init)
        }
    }

    private func withSetting(
        _ settings: [String: String] = [:],
        _ body: @escaping @Sendable (Setting) async throws -> Void
    ) async throws {
        try await TestCluster.withPool { pool, cluster in
            let certificate = try await ServerCertificate()
            var all = [
                "port": "0", "webhook-port": "0", "audit-log": "off",
                "webhook-tls-certificate": certificate.certificate,
                "webhook-tls-key": certificate.key, "kubernetes-pools": "\(pool),absent",
            ]
            all.merge(settings) { $1 }
            let values = try SettingValues(commandLine: all, environment: [:], file: nil)
            var configuration = try ServiceConfiguration(values)
            configuration.cluster = try await TestCluster.configuration
            let fsid = cluster.fsid
            try await TestServer.withCluster(change: { [configuration] in $0 = configuration }) { server in
                try await withTLSClient(trusting: certificate.trust) { client in
                    try await body(Setting(server: server, client: client, pool: pool, fsid: fsid))
                }
            }
        }
    }

    @Test func aMissingImageIsMadeAndOneThatIsThereIsAdopted() async throws {
        try await withSetting { setting in
            let volume = setting.volume()
            let first = try await setting.review(volume.review(uid: "one"))
            #expect(first.allowed)
            #expect(first.uid == "one")
            #expect(
                first.warnings == ["image \(setting.pool)/vol was created: 1073741824 bytes, features layering"]
            )
            let info = try await RBDInfo.read("\(setting.pool)/vol")
            #expect(info.size == 1 << 30)
            #expect(info.features == ["layering"])
            let again = try await setting.review(volume.review())
            #expect(again.allowed)
            #expect(
                again.warnings
                    == ["image \(setting.pool)/vol exists already and is used as it is: 1073741824 bytes"]
            )
            // A smaller volume has room enough.
            let smaller = try await setting.review(setting.volume(storage: "1500m").review())
            #expect(smaller.allowed)
            #expect(smaller.warnings?.first?.hasSuffix("1073741824 bytes, more than the 2 of the volume") == true)
            let larger = try await setting.review(setting.volume(storage: "1.5Gi").review())
            #expect(!larger.allowed)
            #expect(larger.status?.code == 422)
            #expect(
                larger.status?.message == """
                    image \(setting.pool)/vol exists already, but has 1GiB where the volume needs 1536MiB; enlarge it with rbdctl \
                    image resize \(setting.pool)/vol 1536MiB, or write a smaller capacity
                    """
            )
            #expect(try await RBDInfo.read("\(setting.pool)/vol") == info)
        }
    }

    @Test(arguments: [
        ("1G", 1_000_000_000), ("1500m", 2), ("1e6", 1_000_000), ("0.1Gi", 107_374_183), ("10Ti", 10 << 40),
    ])
    func theSizeIsExact(storage: String, bytes: UInt64) async throws {
        try await withSetting { setting in
            let verdict = try await setting.review(setting.volume(storage: storage).review())
            #expect(verdict.allowed)
            let info = try await RBDInfo.read("\(setting.pool)/vol")
            #expect(info.size == bytes)
        }
    }

    @Test func theFeaturesAreThoseOfTheVolume() async throws {
        try await withSetting { setting in
            for (index, (features, expected)) in [
                (
                    "layering,exclusive-lock,object-map,fast-diff",
                    ["layering", "exclusive-lock", "object-map", "fast-diff"]
                ),
                ("", []), (nil, ["layering"]), ("exclusive-lock", ["exclusive-lock"]),
            ].enumerated() as EnumeratedSequence<[(String?, [String])]> {
                var volume = setting.volume("vol-\(index)")
                volume.features = features
                let verdict = try await setting.review(volume.review())
                #expect(verdict.allowed)
                let info = try await RBDInfo.read("\(setting.pool)/vol-\(index)")
                #expect(info.features == expected)
            }
            var volume = setting.volume("vol-0")
            volume.features = "layering,exclusive-lock,journaling"
            let other = try await setting.review(volume.review())
            #expect(other.allowed)
            #expect(other.warnings?.count == 2)
            #expect(other.warnings?.last?.contains("lacks journaling, has object-map,fast-diff as well") == true)
            for features in ["layering,fast-diff", "layering,nonsense"] {
                volume = setting.volume("new")
                volume.features = features
                let refused = try await setting.review(volume.review())
                #expect(!refused.allowed)
                #expect(refused.status?.message.hasPrefix("spec.csi.volumeAttributes.imageFeatures: ") == true)
            }
            #expect(try await !setting.images().contains("new"))
        }
    }

    @Test func theOldPluginsVolumesHaveImagesToo() async throws {
        try await withSetting { setting in
            var volume = setting.volume()
            volume.isInTree = true
            let verdict = try await setting.review(volume.review())
            #expect(verdict.allowed)
            let info = try await RBDInfo.read("\(setting.pool)/vol")
            #expect(info.size == 1 << 30)
            #expect(info.features == ["layering"])
        }
    }

    @Test func aDryRunChangesNothingAndSaysWhatWouldHappen() async throws {
        try await withSetting { setting in
            let would = try await setting.review(setting.volume().review(dryRun: true))
            #expect(would.allowed)
            #expect(
                would.warnings
                    == ["image \(setting.pool)/vol would be created: 1073741824 bytes, features layering"]
            )
            #expect(try await setting.images().isEmpty)
            let objects = try await TestCluster.run("rados", ["-p", setting.pool, "ls"])
            #expect(objects.split(separator: "\n").filter { $0 != "rbd_info" }.isEmpty)
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

    @Test func poolsThatAreNotThereOrNotAllowedAreNamed() async throws {
        try await withSetting { setting in
            var volume = setting.volume()
            volume.pool = "absent"
            let absent = try await setting.review(volume.review())
            #expect(!absent.allowed)
            #expect(absent.status?.message.contains("\"absent\"") == true)
            #expect(absent.status?.message.contains("rbdctl pool create") == true)
            volume.pool = "rbd"
            let foreign = try await setting.review(volume.review())
            #expect(!foreign.allowed)
            #expect(foreign.status?.code == 403)
            #expect(foreign.status?.message.contains("kubernetes-pools") == true)
            volume = setting.volume()
            volume.fsid = "ffffffff-672f-4ba5-97bc-22840318b2ec"
            let other = try await setting.review(volume.review())
            #expect(!other.allowed)
            #expect(other.status?.message.contains(setting.fsid) == true)
            #expect(try await setting.images().isEmpty)
        }
    }

    @Test func namesThatCannotBeMadeAreRefusedButFound() async throws {
        try await withSetting { setting in
            let refused = try await setting.review(setting.volume("_odd").review())
            #expect(!refused.allowed)
            #expect(refused.status?.message.hasPrefix("spec.csi.volumeHandle: ") == true)
            try await TestCluster.run("rbd", ["create", "--size", "1G", "\(setting.pool)/_odd"])
            let found = try await setting.review(setting.volume("_odd").review())
            #expect(found.allowed)
        }
    }

    /// Another name of the cluster may stand for a namespace of RBD.
    @Test func aNamespaceGoesWithAClusterID() async throws {
        try await withSetting(["kubernetes-cluster-ids": "plain,tenant/team-a"]) { setting in
            try await TestCluster.run("rbd", ["namespace", "create", "\(setting.pool)/team-a"])
            for (id, spec) in [("plain", "\(setting.pool)/vol"), ("tenant", "\(setting.pool)/team-a/vol")] {
                var volume = setting.volume()
                volume.fsid = id
                let verdict = try await setting.review(volume.review())
                #expect(verdict.allowed)
                #expect(verdict.warnings?.first?.hasPrefix("image \(spec) was created") == true)
                let info = try await RBDInfo.read(spec)
                #expect(info.size == 1 << 30)
            }
            try await TestCluster.run("rbd", ["rm", "--no-progress", "\(setting.pool)/team-a/vol"])
        }
    }

    /// Both ways in decide alike.
    @Test func theHTTPDoorSaysTheSame() async throws {
        try await withSetting { setting in
            let planned = try await setting.ask(setting.volume(), isDryRun: true)
            #expect(planned.status == 200)
            #expect(try await setting.images().isEmpty)
            let created = try await setting.ask(setting.volume())
            #expect(created.status == 201)
            let outcome: VolumeOutcome = try created.decoded()
            #expect(outcome.volume == "pv-vol")
            #expect(outcome.outcome == .created)
            #expect(outcome.image == "\(setting.pool)/vol")
            #expect(outcome.sizeBytes == 1 << 30)
            #expect(outcome.features == ["layering"])
            let adopted = try await setting.ask(setting.volume())
            #expect(adopted.status == 200)
            #expect(try adopted.decoded(as: VolumeOutcome.self).outcome == .adopted)
            let reviewed = try await setting.review(setting.volume().review())
            #expect(try adopted.decoded(as: VolumeOutcome.self).warnings == reviewed.warnings)

            for change in [
                { $0.storage = "2Gi" }, { $0.pool = "absent" }, { $0.pool = "rbd" }, { $0.fsid = "other" },
                { $0.storage = "x" },
                { $0.image = "a/b" },
                {
                    $0.image = "n"; $0.features = "x"
                },
            ] as [@Sendable (inout Volume) -> Void] {
                var volume = setting.volume()
                change(&volume)
                let problem = try await setting.ask(volume).problem
                let verdict = try await setting.review(volume.review())
                #expect(!verdict.allowed)
                #expect(verdict.status?.message.hasPrefix(problem.detail) == true)
            }
            let other = try await setting.server.post(
                "/kubernetes/v1/persistentvolumes",
                #"{"kind":"Pod","metadata":{},"spec":{}}"#
            )
            #expect(try other.problem.code == "invalid-persistent-volume")
        }
    }

    /// Many reviews of the same volume, in two replicas.
    @Test func manyAtOnceMakeOneImage() async throws {
        try await withSetting { one in
            try await withSetting(["kubernetes-pools": "*"]) { two in
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

    @Test func whoShowsNoCertificateIsTurnedAway() async throws {
        let authority = try await Authority()
        let issued = try await authority.issue(subject: "/CN=kube-apiserver")
        try await withSetting(["webhook-tls-client-ca": authority.certificate]) { setting in
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
                    let setting = Setting(server: server, client: client, pool: pool, fsid: fsid)
                    let verdict = try await setting.review(setting.volume().review())
                    #expect(verdict.allowed)
                }
            }
        }
    }

    /// A line for each review that is about an image, and none for others.
    @Test func theAuditLogHasWhatWasAskedFor() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).audit").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withSetting(["audit-log": path]) { setting in
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

    /// Who may not make images there may not have them made, either.
    @Test func scopesCountAtTheHTTPDoor() async throws {
        try await TestCluster.withPool { pool, cluster in
            let identities = try TestIdentities(["tenant": ["read,create:\(pool)/pvc-*"], "reader": ["read:\(pool)"]])
            let fsid = cluster.fsid
            try await TestServer.withCluster(change: { $0.tokenFile = identities.path }) { server in
                func ask(_ who: String, _ image: String) async throws -> TestServer.Answer {
                    let volume = Volume(pool: pool, fsid: fsid, image: image)
                    return try await server.with(token: identities.token(of: who))
                        .post("/kubernetes/v1/persistentvolumes", volume.json)
                }
                let made = try await ask("tenant", "pvc-1")
                #expect(made.status == 201)
                let hidden = try await ask("tenant", "other").problem
                #expect(hidden.code == "image-not-found")
                let refused = try await ask("reader", "pvc-2").problem
                #expect(refused.code == "forbidden")
                let images = try await TestCluster.run("rbd", ["ls", pool])
                #expect(images == "pvc-1\n")
            }
        }
    }
}
