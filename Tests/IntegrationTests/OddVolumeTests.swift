// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Volumes that Kubernetes and the CSI driver accept, but that do not do what their author means, on a real cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct OddVolumeTests {
    @Test func anImageWithoutLayeringIsMadeOnlyOnRequest() async throws {
        try await withVolumeSetting { setting in
            for (features, expected) in [("", []), ("exclusive-lock", ["exclusive-lock"])] as [(String, [String])] {
                var volume = setting.volume("vol-\(expected.count)")
                volume.features = features
                for isDryRun in [true, false] {
                    let denied = try await setting.review(volume.review(dryRun: isDryRun))
                    #expect(!denied.allowed)
                    #expect(denied.status?.code == 403)
                    let message = try #require(denied.status?.message)
                    #expect(message.hasPrefix("spec.csi.volumeAttributes.imageFeatures: "), "\(message)")
                    #expect(message.contains("add layering"), "\(message)")
                    let problem = try await setting.ask(volume, isDryRun: isDryRun).problem
                    #expect(problem.code == "invalid-persistent-volume")
                    #expect(message.hasPrefix(problem.detail))
                }
                #expect(try await !setting.images().contains(volume.image))

                var insisting = volume
                insisting.annotations = ["rbd-rest-api.io/without-layering": "true"]
                let allowed = try await setting.review(insisting.review())
                #expect(allowed.allowed, "\(allowed.status?.message ?? "")")
                let info = try await RBDInfo.read("\(setting.pool)/\(volume.image)")
                #expect((info.features ?? []) == expected)
                // Nothing is made any more, so nothing is to be insisted on.
                let again = try await setting.review(volume.review())
                #expect(again.allowed)
                #expect(again.warnings?.first?.contains("used as it is") == true)
            }
        }
    }

    @Test func aVolumeThatCanNeverBeAttachedGetsNoImage() async throws {
        try await withVolumeSetting { setting in
            var volume = setting.volume()
            volume.secrets.append("controllerPublishSecretRef")
            let denied = try await setting.review(volume.review())
            #expect(!denied.allowed)
            #expect(denied.status?.message.hasPrefix("spec.csi.controllerPublishSecretRef: ") == true)
            let problem = try await setting.ask(volume).problem
            #expect(problem.code == "invalid-persistent-volume")
            #expect(problem.field == "spec.csi.controllerPublishSecretRef")
            #expect(try await setting.images().isEmpty)
        }
    }

    /// The webhook and the HTTP endpoint give the same warnings, after the one that says what was done.
    @Test func ignoredAndMissingFieldsAreTold() async throws {
        try await withVolumeSetting { setting in
            var volume = setting.volume()
            volume.secrets = []
            volume.attributes = ["radosNamespace": "team-a", "mkfsOptions": "-m 0"]
            let reviewed = try #require(try await setting.review(volume.review()).warnings)
            let words = [
                "was created", "spec.csi.nodeStageSecretRef is missing", "radosNamespace is ignored",
                "mkfsOptions is ignored",
            ]
            #expect(reviewed.count == words.count)
            for (warning, word) in zip(reviewed, words) { #expect(warning.contains(word), "\(warning)") }
            let outcome: VolumeOutcome = try await setting.ask(volume).decoded()
            #expect(outcome.outcome == .adopted)
            #expect(Array(outcome.warnings.dropFirst()) == Array(reviewed.dropFirst()))
        }
    }

    @Test func anotherDataPoolIsTold() async throws {
        try await TestCluster.withPool { other, _ in
            try await withVolumeSetting { setting in
                var volume = setting.volume()
                volume.features = nil
                volume.attributes = ["dataPool": other]
                for isDryRun in [true, false] {
                    let made = try await setting.review(volume.review(dryRun: isDryRun))
                    #expect(made.warnings?.count == 2)
                    #expect(made.warnings?.last?.contains("creates images without a data pool") == true)
                }
                let adopted = try await setting.review(volume.review())
                let advice = "is in pool \"\(setting.pool)\"; leave it out"
                #expect(adopted.warnings?.last?.hasSuffix(advice) == true, "\(adopted.warnings ?? [])")

                let spec = "\(setting.pool)/split"
                try await TestCluster.run("rbd", ["create", "--size", "1G", "--data-pool", other, spec])
                volume.image = "split"
                let right = try await setting.review(volume.review())
                #expect(right.warnings?.count == 1, "\(right.warnings ?? [])")
                volume.attributes = ["dataPool": setting.pool]
                let wrong = try await setting.review(volume.review())
                #expect(wrong.warnings?.last?.contains("write \"\(other)\"") == true, "\(wrong.warnings ?? [])")
                try await TestCluster.run("rbd", ["rm", "--no-progress", spec])
            }
        }
    }

    @Test func anImageOfTheSameNameElsewhereIsTold() async throws {
        try await TestCluster.withPool { other, _ in
            try await TestCluster.run("rbd", ["create", "--size", "1M", "\(other)/vol"])
            try await withVolumeSetting(alsoAllowing: [other]) { setting in
                for _ in 0..<2 {
                    let verdict = try await setting.review(setting.volume().review())
                    #expect(verdict.allowed)
                    #expect(verdict.warnings?.count == 2)
                    let warning = try #require(verdict.warnings?.last)
                    #expect(warning.hasPrefix("spec.csi.volumeHandle is also the name of image \(other)/vol:"))
                }
                #expect(try await setting.review(setting.volume("alone").review()).warnings?.count == 1)
                // The old plugin's volumes have no handle.
                var inTree = setting.volume()
                inTree.isInTree = true
                #expect(try await setting.review(inTree.review()).warnings?.count == 1)
            }
        }
    }

    /// The handle does not contain the namespace either.
    @Test func anImageOfTheSameNameInANamespaceIsTold() async throws {
        try await withVolumeSetting(["kubernetes-cluster-ids": "plain,tenant/team-a"]) { setting in
            try await TestCluster.run("rbd", ["namespace", "create", "\(setting.pool)/team-a"])
            for (id, count) in [("plain", 1), ("tenant", 2)] {
                var volume = setting.volume()
                volume.fsid = id
                let verdict = try await setting.review(volume.review())
                #expect(verdict.warnings?.count == count, "\(verdict.warnings ?? [])")
            }
            try await TestCluster.run("rbd", ["rm", "--no-progress", "\(setting.pool)/team-a/vol"])
        }
    }

    /// A caller must not learn of images that it may not read.
    @Test func aTenantIsNotToldOfNamesakes() async throws {
        try await TestCluster.withPool { other, _ in
            try await TestCluster.run("rbd", ["create", "--size", "1M", "\(other)/pvc-1"])
            let identities = try TestIdentities(["operator": ["read,create:*"], "tenant": ["create:*"]])
            let settings = ["token-file": identities.path]
            try await withVolumeSetting(settings, alsoAllowing: [other]) { setting in
                for (who, count) in [("operator", 2), ("tenant", 1)] {
                    let answer = try await setting.server.with(token: identities.token(of: who))
                        .post("/kubernetes/v1/persistentvolumes", setting.volume("pvc-1").json)
                    let warnings = try answer.decoded(as: VolumeOutcome.self).warnings
                    #expect(warnings.count == count, "\(who): \(warnings)")
                }
            }
        }
    }

    @Test(arguments: [[:], ["kubernetes-pools": "*"]] as [[String: String]])
    func aNamespaceInThePoolIsTold(settings: [String: String]) async throws {
        try await withVolumeSetting(settings) { setting in
            var volume = setting.volume()
            volume.pool = "\(setting.pool)/team-a"
            let denied = try await setting.review(volume.review())
            #expect(!denied.allowed)
            let message = try #require(denied.status?.message)
            #expect(message.contains("write only \"\(setting.pool)\""), "\(message)")
            #expect(!message.contains("rbdctl pool create"), "\(message)")
        }
    }

    @Test func aVolumeThatIsAlmostStaticIsSkippedWithAWarning() async throws {
        try await withVolumeSetting { setting in
            var volume = setting.volume()
            volume.staticVolume = "yes"
            let verdict = try await setting.review(volume.review())
            #expect(verdict.allowed)
            #expect(verdict.warnings?.count == 1)
            let answer = try await setting.ask(volume)
            #expect(answer.status == 200)
            let outcome = try answer.decoded(as: VolumeOutcome.self)
            #expect(outcome.outcome == .skipped)
            #expect(outcome.warnings == verdict.warnings)
            #expect(try await setting.images().isEmpty)
        }
    }

    /// `rbdctl kubernetes prehook` shows the same.
    @Test func thePrehookTellsIt() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let files = try TemporaryFolder()
                var volume = TestVolume(pool: pool, fsid: cluster.fsid)
                func run(_ volume: TestVolume) async throws -> Subprocess {
                    try files.replace("pv.json", volume.json)
                    return try await rbdctl(server, "kubernetes", "prehook", "-f", files.path("pv.json"))
                }
                volume.staticVolume = "yes"
                let skipped = try await run(volume)
                #expect(skipped.status == 0, "\(skipped.standardError)")
                #expect(skipped.standardOutput.contains("staticVolume is \"yes\""), "\(skipped.standardOutput)")
                (volume.staticVolume, volume.secrets) = ("true", ["controllerPublishSecretRef"])
                let denied = try await run(volume)
                #expect(denied.status == 4)
                #expect(denied.standardError.contains("spec.csi.controllerPublishSecretRef"), "\(denied.standardError)")
                (volume.secrets, volume.features) = ([], "")
                let unlayered = try await run(volume)
                #expect(unlayered.status == 4)
                #expect(unlayered.standardError.contains("without-layering"), "\(unlayered.standardError)")
                volume.annotations = ["rbd-rest-api.io/without-layering": "true"]
                let made = try await run(volume)
                #expect(made.status == 0, "\(made.standardError)")
                #expect(made.standardOutput.contains("without features"), "\(made.standardOutput)")
                #expect(made.standardOutput.contains("spec.csi.nodeStageSecretRef is missing"))
            }
        }
    }
}
