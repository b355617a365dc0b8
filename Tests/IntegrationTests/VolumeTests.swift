// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Images of PersistentVolumes on a real cluster, made by the webhook and over HTTP.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct VolumeTests {
    @Test func aMissingImageIsMadeAndOneThatIsThereIsAdopted() async throws {
        try await withVolumeSetting { setting in
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
            // The image is large enough for a smaller volume.
            let smaller = try await setting.review(setting.volume(storage: "1500m").review())
            #expect(smaller.allowed)
            #expect(smaller.warnings?.first?.hasSuffix("1073741824 bytes, more than the 2 of the volume") == true)
            let larger = try await setting.review(setting.volume(storage: "1.5Gi").review())
            #expect(!larger.allowed)
            #expect(larger.status?.code == 403)
            #expect(
                larger.status?.message == """
                    image \(setting.pool)/vol exists already, but has only 1GiB; the volume needs 1536MiB; \
                    enlarge the image with rbdctl image resize \(setting.pool)/vol 1536MiB, or write a smaller capacity
                    """
            )
            #expect(try await RBDInfo.read("\(setting.pool)/vol") == info)
        }
    }

    @Test(arguments: [
        ("1G", 1_000_000_000), ("1500m", 2), ("1e6", 1_000_000), ("0.1Gi", 107_374_183), ("10Ti", 10 << 40),
    ])
    func theSizeIsExact(storage: String, bytes: UInt64) async throws {
        try await withVolumeSetting { setting in
            let verdict = try await setting.review(setting.volume(storage: storage).review())
            #expect(verdict.allowed)
            let info = try await RBDInfo.read("\(setting.pool)/vol")
            #expect(info.size == bytes)
        }
    }

    @Test func theFeaturesAreThoseOfTheVolume() async throws {
        try await withVolumeSetting { setting in
            for (index, (features, expected)) in [
                (
                    "layering,exclusive-lock,object-map,fast-diff",
                    ["layering", "exclusive-lock", "object-map", "fast-diff"]
                ),
                (nil, ["layering"]), ("exclusive-lock,layering", ["layering", "exclusive-lock"]),
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
        try await withVolumeSetting { setting in
            var volume = setting.volume()
            volume.isInTree = true
            let verdict = try await setting.review(volume.review())
            #expect(verdict.allowed)
            let info = try await RBDInfo.read("\(setting.pool)/vol")
            #expect(info.size == 1 << 30)
            #expect(info.features == ["layering"])
        }
    }

    @Test func poolsThatAreNotThereOrNotAllowedAreNamed() async throws {
        try await withVolumeSetting { setting in
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
        try await withVolumeSetting { setting in
            let refused = try await setting.review(setting.volume("_odd").review())
            #expect(!refused.allowed)
            #expect(refused.status?.message.hasPrefix("spec.csi.volumeHandle: ") == true)
            try await TestCluster.run("rbd", ["create", "--size", "1G", "\(setting.pool)/_odd"])
            let found = try await setting.review(setting.volume("_odd").review())
            #expect(found.allowed)
        }
    }

    /// The first volumes of the old plugin had images of format 1, which librbd still reads.
    @Test func anImageOfTheOldFormatIsAdopted() async throws {
        try await withVolumeSetting { setting in
            try await TestCluster.putFormat1Image(named: "old", sizeBytes: 1 << 30, into: setting.pool)
            var volume = setting.volume("old")
            volume.isInTree = true
            for isDryRun in [true, false] {
                let verdict = try await setting.review(volume.review(dryRun: isDryRun))
                #expect(verdict.allowed, "\(verdict.status?.message ?? "")")
                #expect(verdict.warnings?.first?.hasSuffix("used as it is: 1073741824 bytes") == true)
            }
            volume.storage = "2Gi"
            let small = try await setting.review(volume.review())
            #expect(!small.allowed)
            #expect(try await setting.images() == ["old"])
        }
    }

    /// Another cluster id may stand for a namespace of RBD.
    @Test func aNamespaceGoesWithAClusterID() async throws {
        try await withVolumeSetting(["kubernetes-cluster-ids": "plain,tenant/team-a"]) { setting in
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

    /// The webhook and the HTTP endpoint decide alike.
    @Test func theHTTPDoorSaysTheSame() async throws {
        try await withVolumeSetting { setting in
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
            ] as [@Sendable (inout TestVolume) -> Void] {
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

    /// A caller that may not create images can't have them created through this endpoint either.
    @Test func scopesCountAtTheHTTPDoor() async throws {
        try await TestCluster.withPool { pool, cluster in
            let identities = try TestIdentities(["tenant": ["read,create:\(pool)/pvc-*"], "reader": ["read:\(pool)"]])
            let fsid = cluster.fsid
            try await TestServer.withCluster(change: { $0.tokenFile = identities.path }) { server in
                func ask(_ who: String, _ image: String) async throws -> TestServer.Answer {
                    let volume = TestVolume(pool: pool, fsid: fsid, image: image)
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

    /// A tenant must not learn which pools are allowed, nor the cluster ids of others.
    @Test func aTenantIsToldOfNothingThatIsOthers() async throws {
        let identities = try TestIdentities(["tenant": ["read,create:test-*/pvc-*"], "operator": ["read,create:*"]])
        let settings = ["token-file": identities.path, "kubernetes-cluster-ids": "plain,tenant-b/b"]
        try await withVolumeSetting(settings) { setting in
            func ask(_ who: String, pool: String, fsid: String) async throws -> Problem {
                let volume = TestVolume(pool: pool, fsid: fsid, image: "pvc-1")
                return try await setting.server.with(token: identities.token(of: who))
                    .post("/kubernetes/v1/persistentvolumes", volume.json).problem
            }
            let cluster = try await ask("tenant", pool: setting.pool, fsid: "other")
            #expect(cluster.code == "other-cluster")
            #expect(!cluster.detail.contains("tenant-b"))
            // The caller can't tell which pools exist, neither from allowed nor from forbidden ones.
            for pool in ["absent", "rbd", "nowhere"] {
                let hidden = try await ask("tenant", pool: pool, fsid: "plain")
                #expect(hidden.code == "image-not-found")
                #expect(!"\(hidden)".contains(setting.pool))
            }
            let told = try await ask("operator", pool: "rbd", fsid: "plain")
            #expect(told.code == "pool-not-allowed")
            #expect(told.hint?.contains("choose one of absent, \(setting.pool)") == true)
            #expect(try await ask("operator", pool: "rbd", fsid: "other").detail.contains("tenant-b"))
            #expect(try await setting.images().isEmpty)
        }
    }
}
