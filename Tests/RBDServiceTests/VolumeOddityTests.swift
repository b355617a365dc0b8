// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Volumes that Kubernetes and the CSI driver accept, but that do not do what their author means. The cluster is not
/// looked at.
struct VolumeOddityTests {
    private static let fsid = "ba68226a-672f-4ba5-97bc-22840318b2ec"
    private let rules = VolumeRules(drivers: ["rbd.csi.ceph.com"])

    private func persistentVolume(_ change: (inout TestVolume) -> Void = { _ in }) throws -> PersistentVolume {
        var volume = TestVolume(pool: "rbd", fsid: Self.fsid)
        change(&volume)
        return try JSONDecoder().decode(PersistentVolume.self, from: Data(volume.json.utf8))
    }

    private func demand(
        _ rules: VolumeRules? = nil,
        _ change: (inout TestVolume) -> Void
    ) throws -> VolumeDemand? {
        let rules = rules ?? self.rules
        let demand = try rules.demand(of: try persistentVolume(change)) { Self.fsid }
        if let demand { try rules.requireAllowed(demand) }
        return demand
    }

    private func wanted(
        _ rules: VolumeRules? = nil,
        _ change: (inout TestVolume) -> Void = { _ in }
    ) throws -> VolumeDemand {
        let demand = try demand(rules, change)
        return try #require(demand)
    }

    /// - Returns: the only warning.
    private func warning(_ rules: VolumeRules? = nil, _ change: (inout TestVolume) -> Void) throws -> String {
        let warnings = try wanted(rules, change).warnings
        #expect(warnings.count == 1, "\(warnings)")
        let warning = try #require(warnings.first)
        // An API server would cut it.
        #expect(AdmissionWarning.text(warning) == warning)
        return warning
    }

    @Test func anOrdinaryVolumeHasNoWarnings() throws {
        let demand = try wanted()
        #expect(demand.warnings.isEmpty)
        #expect(demand.objectionToFeatures == nil)
        #expect(demand.dataPoolWarnings(nil, isNew: true).isEmpty)
        #expect(demand.dataPoolWarnings("fast", isNew: false).isEmpty)
        #expect(demand.hintOnNamespaceInPool == nil)
    }

    // MARK: Denied

    @Test func aSecretForAttachingIsRefused() throws {
        let problem = #expect(throws: Problem.self) {
            try demand { $0.secrets = ["nodeStageSecretRef", "controllerPublishSecretRef"] }
        }
        #expect(problem?.code == "invalid-persistent-volume")
        #expect(problem?.field == "spec.csi.controllerPublishSecretRef")
        #expect(problem?.hint?.contains("leave it out") == true)
        // The driver does not need to decode the handles of other volumes, or can.
        for word in ["false", "yes"] {
            let skipped = try demand {
                ($0.secrets, $0.staticVolume) = (["controllerPublishSecretRef"], word)
            }
            #expect(skipped == nil)
        }
        let optedOut = try demand {
            $0.secrets = ["controllerPublishSecretRef"]
            $0.annotations = ["rbd-rest-api.io/ensure": "false"]
        }
        #expect(optedOut == nil)
    }

    @Test(arguments: ["", " , ", "exclusive-lock", "exclusive-lock,object-map"])
    func anImageWithoutLayeringNeedsAnAnnotation(features: String) throws {
        let objection = try wanted { $0.features = features }.objectionToFeatures
        let problem = try #require(objection)
        #expect(problem.code == "invalid-persistent-volume")
        #expect(problem.field == "spec.csi.volumeAttributes.imageFeatures")
        #expect(problem.hint?.contains("add layering") == true)
        #expect(problem.hint?.contains("rbd-rest-api.io/without-layering: \"true\"") == true)
        for (word, isAllowed) in [("true", true), ("false", false)] {
            let insisting = try wanted {
                $0.features = features
                $0.annotations = ["rbd-rest-api.io/without-layering": word]
            }
            #expect((insisting.objectionToFeatures == nil) == isAllowed)
        }
    }

    @Test func featuresWithLayeringAndNoneAtAllAreFine() throws {
        for features in ["layering", "exclusive-lock, layering", nil] as [String?] {
            let demand = try wanted { $0.features = features }
            #expect(demand.objectionToFeatures == nil)
        }
        let inTree = try wanted { $0.isInTree = true }
        #expect(inTree.objectionToFeatures == nil)
    }

    @Test func anAnnotationMustBeTrueOrFalse() throws {
        let problem = #expect(throws: Problem.self) {
            try demand { $0.annotations = ["rbd-rest-api.io/without-layering": "yes"] }
        }
        #expect(problem?.field == "metadata.annotations[rbd-rest-api.io/without-layering]")
    }

    @Test func aNamespaceInThePoolIsTold() throws {
        var rules = rules
        rules.pools = ["rbd"]
        let refused = #expect(throws: Problem.self) { try demand(rules) { $0.pool = "rbd/team-a" } }
        #expect(refused?.code == "pool-not-allowed")
        let hint = try #require(refused?.hint)
        #expect(hint.hasPrefix("write only \"rbd\", and in spec.csi.volumeAttributes.clusterID "), "\(hint)")
        #expect(hint.contains("\"team-a\""))
        // If all pools are allowed, Ceph does not find it.
        let absent = try wanted { $0.pool = "rbd/team-a" }
        #expect(Problem(.poolNotFound, detail: "there is no pool").speaking(of: absent).hint == hint)
        let inTree = try wanted { ($0.pool, $0.isInTree) = ("rbd/team-a", true) }
        #expect(inTree.hintOnNamespaceInPool == "write only \"rbd\": spec.rbd can't name a namespace")
        let misspelt = try wanted { $0.pool = "rdb" }
        let other = Problem(.poolNotFound, detail: "there is no pool").speaking(of: misspelt)
        #expect(other.hint?.hasSuffix("rbdctl pool create rdb") == true)
    }

    @Test func twoVolumesMustNotHaveTheSameHandle() throws {
        let volume = try persistentVolume()
        func other(_ change: (inout TestVolume) -> Void) throws -> PersistentVolume {
            var other = try persistentVolume(change)
            other.metadata.name = "other"
            return other
        }
        // The pool is not a part of the handle.
        let rival = try other { $0.pool = "fast" }
        let problem = #expect(throws: Problem.self) {
            try VolumeRules.requireUniqueHandle(of: volume, among: [rival])
        }
        #expect(problem?.code == "invalid-persistent-volume")
        #expect(problem?.field == "spec.csi.volumeHandle")
        #expect(problem?.detail.contains("volume \"other\"") == true)
        var nameless = volume
        nameless.metadata.name = nil
        #expect(throws: Problem.self) { try VolumeRules.requireUniqueHandle(of: nameless, among: [volume]) }

        var elsewhere = rival
        elsewhere.spec.csi?.driver = "rook-ceph.rbd.csi.ceph.com"
        let inTree = try other { $0.isInTree = true }
        let harmless = [volume, elsewhere, inTree, try other { $0.image = "b" }]
        try VolumeRules.requireUniqueHandle(of: volume, among: harmless)
        try VolumeRules.requireUniqueHandle(of: volume, among: [])
        try VolumeRules.requireUniqueHandle(of: inTree, among: [volume, rival])
    }

    // MARK: Warned

    @Test func aMissingSecretIsTold() throws {
        let warning = try warning { $0.secrets = [] }
        #expect(warning.hasPrefix("spec.csi.nodeStageSecretRef is missing"))
        #expect(warning.contains("write the name and the namespace"))
        let inTree = try wanted { ($0.secrets, $0.isInTree) = ([], true) }
        #expect(inTree.warnings.isEmpty)
    }

    @Test func aNamespaceThatIsIgnoredIsTold() throws {
        let ignored = try warning { $0.attributes = ["radosNamespace": "team-a"] }
        #expect(ignored.hasPrefix("spec.csi.volumeAttributes.radosNamespace is ignored"))
        #expect(ignored.contains("here the default namespace"))
        #expect(ignored.contains("leave it out, and write the clusterID that stands for \"team-a\""))
        var rules = rules
        rules.clusters = ["plain": "", "tenant": "team-a"]
        let other = try warning(rules) {
            ($0.fsid, $0.attributes) = ("tenant", ["radosNamespace": String(repeating: "b", count: 60)])
        }
        #expect(other.contains("here \"team-a\""))
        // It says the same as clusterID.
        let same = try wanted(rules) { ($0.fsid, $0.attributes) = ("tenant", ["radosNamespace": "team-a"]) }
        #expect(same.warnings.isEmpty)
        let empty = try wanted { $0.attributes = ["radosNamespace": ""] }
        #expect(empty.warnings.isEmpty)
    }

    @Test func optionsOfTheFileSystemAreTold() throws {
        let warning = try warning { $0.attributes = ["mkfsOptions": "-m 0"] }
        #expect(warning.hasPrefix("spec.csi.volumeAttributes.mkfsOptions is ignored"))
        #expect(warning.contains("leave it out"))
        let empty = try wanted { $0.attributes = ["mkfsOptions": ""] }
        #expect(empty.warnings.isEmpty)
    }

    @Test func anotherDataPoolIsTold() throws {
        let demand = try wanted { $0.attributes = ["dataPool": "ec"] }
        #expect(demand.warnings.isEmpty)
        #expect(demand.dataPoolWarnings("ec", isNew: true).isEmpty)
        #expect(demand.dataPoolWarnings("ec", isNew: false).isEmpty)
        let new = try #require(demand.dataPoolWarnings(nil, isNew: true).first)
        #expect(new.hasPrefix("spec.csi.volumeAttributes.dataPool is \"ec\""))
        #expect(new.contains("rbdctl image create --data-pool"))
        #expect(AdmissionWarning.text(new) == new)
        let own = try #require(demand.dataPoolWarnings(nil, isNew: false).first)
        #expect(own.hasSuffix("the data of image rbd/vol is in pool \"rbd\"; leave it out"), "\(own)")
        let other = try #require(demand.dataPoolWarnings("fast", isNew: false).first)
        #expect(other.hasSuffix("is in pool \"fast\"; write \"fast\", or leave it out"), "\(other)")
        // The image's own pool is a data pool like any other.
        let same = try wanted { $0.attributes = ["dataPool": "rbd"] }
        #expect(same.dataPoolWarnings(nil, isNew: true).isEmpty)
    }

    @Test(arguments: ["yes", "on", "tRUE", " true", "", "enabled"])
    func aVolumeThatIsStaticOnlyForItsAuthorIsTold(word: String) throws {
        let warnings = rules.warnings(onSkipped: try persistentVolume { $0.staticVolume = word })
        #expect(warnings.count == 1)
        #expect(warnings.first?.hasPrefix("spec.csi.volumeAttributes.staticVolume is \"\(word)\"") == true)
        #expect(warnings.first?.contains("write \"true\"") == true)
        #expect(warnings.allSatisfy { AdmissionWarning.text($0) == $0 })
    }

    @Test func otherSkippedVolumesAreNotTold() throws {
        for word in ["0", "f", "F", "false", "FALSE", "False"] {
            let volume = try persistentVolume { $0.staticVolume = word }
            #expect(rules.warnings(onSkipped: volume).isEmpty)
        }
        let odd = try persistentVolume { $0.staticVolume = "yes" }
        #expect(VolumeRules(drivers: ["other"]).warnings(onSkipped: odd).isEmpty)
        #expect(VolumeRules(drivers: ["rbd.csi.ceph.com"], isOptIn: true).warnings(onSkipped: odd).isEmpty)
        let optedOut = try persistentVolume {
            ($0.staticVolume, $0.annotations) = ("yes", ["rbd-rest-api.io/ensure": "false"])
        }
        #expect(rules.warnings(onSkipped: optedOut).isEmpty)
        let inTree = try persistentVolume { $0.isInTree = true }
        #expect(rules.warnings(onSkipped: inTree).isEmpty)
    }

    @Test func namesakesAreSearchedWhereVolumesMayBe() {
        var rules = rules
        #expect(rules.otherPlaces(than: Place(pool: "rbd")).isEmpty)
        rules.pools = ["rbd", "fast"]
        #expect(rules.otherPlaces(than: Place(pool: "rbd")) == [Place(pool: "fast")])
        rules.clusters = ["plain": "", "also": "", "tenant": "team-a"]
        #expect(
            rules.otherPlaces(than: Place(pool: "rbd", namespace: "team-a"))
                == [Place(pool: "fast"), Place(pool: "fast", namespace: "team-a"), Place(pool: "rbd")]
        )
        rules.pools = nil
        #expect(rules.otherPlaces(than: Place(pool: "any")) == [Place(pool: "any", namespace: "team-a")])
    }
}
