// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Naming
import RBDAPI
import Testing

@testable import RBDService

/// The image that a PersistentVolume requests, without looking at the cluster.
struct VolumeDemandTests {
    private static let fsid = "ba68226a-672f-4ba5-97bc-22840318b2ec"
    private let rules = VolumeRules(drivers: ["rbd.csi.ceph.com"])

    private func demand(_ json: String, _ rules: VolumeRules? = nil) throws -> VolumeDemand? {
        let volume = try JSONDecoder().decode(PersistentVolume.self, from: Data(json.utf8))
        let rules = rules ?? self.rules
        let demand = try rules.demand(of: volume) { Self.fsid }
        if let demand { try rules.requireAllowed(demand) }
        return demand
    }

    private func volume(
        storage: String = #""1Gi""#,
        attributes: [String: String?] = [:],
        driver: String = "rbd.csi.ceph.com",
        handle: String = "vol",
        annotation: String? = nil,
        reclaim: String = "Retain"
    ) -> String {
        var all: [String: String?] = [
            "clusterID": Self.fsid, "pool": "rbd", "staticVolume": "true", "imageFeatures": "layering",
        ]
        all.merge(attributes) { $1 }
        let texts = all.compactMap { key, value in value.map { "\"\(key)\": \"\($0)\"" } }.sorted().joined(
            separator: ","
        )
        let annotations = annotation.map { #", "annotations": {"rbd-rest-api.io/ensure": "\#($0)"}"# } ?? ""
        return #"""
            {"metadata": {"name": "pv"\#(annotations)}, "spec": {"capacity": {"storage": \#(storage)},
            "persistentVolumeReclaimPolicy": "\#(reclaim)",
            "csi": {"driver": "\#(driver)", "volumeHandle": "\#(handle)", "volumeAttributes": {\#(texts)},
            "nodeStageSecretRef": {"name": "csi-rbd-secret", "namespace": "default"}}}}
            """#
    }

    private func inTree(_ rbd: String) -> String {
        #"{"metadata": {"name": "pv"}, "spec": {"capacity": {"storage": "1Gi"}, "rbd": \#(rbd)}}"#
    }

    @Test func aStaticVolumeIsWanted() throws {
        let demand = try #require(try demand(volume(attributes: ["imageFeatures": "layering, exclusive-lock,"])))
        #expect(demand.place == Place(pool: "rbd"))
        #expect(demand.image == "vol")
        #expect(demand.sizeBytes == 1 << 30)
        #expect(demand.features == ["layering", "exclusive-lock"])
        #expect(demand.warnings.isEmpty)
    }

    @Test func whatSaysNothingOfFeaturesWantsNoneInParticular() throws {
        #expect(try demand(volume(attributes: ["imageFeatures": nil]))?.features == nil)
        #expect(try demand(volume(attributes: ["imageFeatures": nil]))?.objectionToFeatures == nil)
        // An empty list is not a missing one.
        for nothing in ["", " ", ",", " , "] {
            #expect(try demand(volume(attributes: ["imageFeatures": nothing]))?.features?.isEmpty == true)
        }
    }

    @Test(arguments: [#""1500m""#, "2", "1.5", "2.0"])
    func theCapacityMayBeANumber(storage: String) throws {
        #expect(try demand(volume(storage: storage))?.sizeBytes == 2)
    }

    @Test(arguments: [
        ("9007199254740993", 9_007_199_254_740_993), ("1e9", 1_000_000_000), ("9223372036854775807", Int64.max),
    ])
    func aNumberIsExact(storage: String, bytes: Int64) throws {
        #expect(try demand(volume(storage: storage))?.sizeBytes == UInt64(bytes))
    }

    @Test func volumesOfOthersArePassedOver() throws {
        #expect(try demand(volume(driver: "ebs.csi.aws.com")) == nil)
        #expect(try demand(volume(attributes: ["staticVolume": nil])) == nil)
        #expect(try demand(volume(attributes: ["staticVolume": "false"])) == nil)
        #expect(try demand(#"{"metadata": {}, "spec": {"capacity": {"storage": "x"}, "nfs": {"server": "a"}}}"#) == nil)
        // The values of other drivers' volumes are not checked.
        #expect(try demand(volume(storage: #""nonsense""#, driver: "other")) == nil)
    }

    @Test func otherNamesOfTheDriverAreKnown() throws {
        var rules = rules
        rules.drivers = ["rook-ceph.rbd.csi.ceph.com"]
        #expect(try demand(volume(driver: "rook-ceph.rbd.csi.ceph.com"), rules) != nil)
        #expect(try demand(volume(), rules) == nil)
    }

    /// The same drivers as in the webhook's matchConditions.
    @Test(arguments: [
        ("rook-ceph.rbd.csi.ceph.com", true), ("a.b.rbd.csi.ceph.com", true), ("rbd.csi.ceph.com", false),
        ("xrbd.csi.ceph.com", false), ("rook-ceph.cephfs.csi.ceph.com", false), ("rook-ceph.rbd.csi.ceph.com.x", false),
        ("", false),
    ])
    func anEndOfNamesStandsForAllDrivers(driver: String, isIncluded: Bool) throws {
        var rules = rules
        rules.drivers = ["*.rbd.csi.ceph.com"]
        #expect(try (demand(volume(driver: driver), rules) != nil) == isIncluded)
        rules.drivers = ["other", "*.rbd.csi.ceph.com", "rbd.csi.ceph.com"]
        #expect(try (demand(volume(driver: driver), rules) != nil) == (isIncluded || driver == "rbd.csi.ceph.com"))
    }

    /// A static volume of Ceph's driver under another name is not passed over silently.
    @Test func aDriverOfCephThatIsNotConfiguredIsTold() throws {
        func warnings(_ json: String, isOptIn: Bool = false) throws -> [String] {
            var rules = rules
            rules.isOptIn = isOptIn
            return rules.warnings(onSkipped: try JSONDecoder().decode(PersistentVolume.self, from: Data(json.utf8)))
        }
        let rook = "rook-ceph.rbd.csi.ceph.com"
        let told = try warnings(volume(driver: rook))
        #expect(told.count == 1)
        #expect(told.first?.contains(rook) == true)
        #expect(told.first?.contains("kubernetes-drivers") == true)
        #expect(try warnings(volume(driver: rook, annotation: "true"), isOptIn: true).count == 1)
        for silent in [
            volume(), volume(driver: "ebs.csi.aws.com"), volume(attributes: ["staticVolume": nil], driver: rook),
            volume(driver: rook, annotation: "false"), inTree(#"{"image": "img"}"#),
        ] {
            #expect(try warnings(silent).isEmpty)
        }
        #expect(try warnings(volume(driver: rook), isOptIn: true).isEmpty)
    }

    /// With `staticVolume`, the driver takes the handle for the name of the image. So the image would be an empty one.
    @Test(arguments: [
        "0001-0024-ba68226a-672f-4ba5-97bc-22840318b2ec-0000000000000002-5f6c2a5e-0c1d-11ef-9d3c-0242ac110002",
        "0001-0009-rook-ceph-000000000000001F-5F6C2A5E-0c1d-11ef-9d3c-0242ac110002",
    ])
    func aHandleThatTheDriverComposedIsNoName(handle: String) throws {
        let problem = #expect(throws: Problem.self) { try demand(volume(handle: handle)) }
        #expect(problem?.code == "invalid-persistent-volume")
        #expect(problem?.field == "spec.csi.volumeHandle")
        #expect(problem?.hint?.contains("staticVolume") == true)
        // Without it, the driver has created the image.
        #expect(try demand(volume(attributes: ["staticVolume": nil], handle: handle)) == nil)
    }

    @Test(arguments: [
        "csi-vol-5f6c2a5e-0c1d-11ef-9d3c-0242ac110002", "0001-backup", "0001-0024-5f6c2a5e-0c1d-11ef-9d3c-0242ac110002",
        String(repeating: "0001-", count: 1000),
    ])
    func otherNamesWithDigitsAreNames(handle: String) throws {
        #expect(try demand(volume(handle: handle))?.image == handle)
    }

    @Test func anAnnotationSaysWhetherItIsWanted() throws {
        var rules = rules
        #expect(try demand(volume(annotation: "false"), rules) == nil)
        #expect(try demand(volume(annotation: "true"), rules) != nil)
        rules.isOptIn = true
        #expect(try demand(volume(), rules) == nil)
        #expect(try demand(volume(annotation: "false"), rules) == nil)
        #expect(try demand(volume(annotation: "true"), rules) != nil)
        let problem = #expect(throws: Problem.self) { try demand(volume(annotation: "no")) }
        #expect(problem?.field == "metadata.annotations[rbd-rest-api.io/ensure]")
        #expect(problem?.detail.contains("neither \"true\" nor \"false\"") == true)
    }

    @Test func theOldPluginsVolumesHaveItsDefaults() throws {
        let demand = try #require(try demand(inTree(#"{"monitors": ["a"], "image": "img"}"#)))
        #expect(demand.place == Place(pool: "rbd"))
        #expect(demand.image == "img")
        #expect(demand.features == nil)
        #expect(try self.demand(inTree(#"{"image": "img", "pool": "kube"}"#))?.place.pool == "kube")
        #expect(try self.demand(inTree(#"{"image": "img", "pool": ""}"#))?.place.pool == "rbd")
    }

    /// These volumes have an image already, which the old plugin's provisioner has created.
    @Test func theOldPluginsProvisionedVolumesArePassedOver() throws {
        let json = inTree(#"{"image": "img", "pool": "elsewhere"}"#)
        func annotated(_ others: String) -> String {
            json.replacing(
                #""name": "pv""#,
                with:
                    #""name": "pv", "annotations": {"pv.kubernetes.io/provisioned-by": "kubernetes.io/rbd"\#(others)}"#
            )
        }
        #expect(try demand(annotated("")) == nil)
        #expect(try demand(annotated(#", "rbd-rest-api.io/ensure": "true""#)) != nil)
        // Static volumes of CSI are marked as static.
        let csi = volume().replacing(
            #""name": "pv""#,
            with: #""name": "pv", "annotations": {"pv.kubernetes.io/provisioned-by": "rbd.csi.ceph.com"}"#
        )
        #expect(try demand(csi) != nil)
    }

    /// Kubernetes allows only one source, and refuses the volume after the webhook.
    @Test func ofTwoSourcesTheDriversCounts() throws {
        let both = volume().replacing(#""csi":"#, with: #""rbd": {"image": "other"}, "csi":"#)
        #expect(try demand(both)?.image == "vol")
    }

    @Test func aVolumeWhoseNameIsYetToComeHasNone() throws {
        let json = volume().replacing(#""name": "pv""#, with: #""generateName": "pv-""#)
        let volume = try JSONDecoder().decode(PersistentVolume.self, from: Data(json.utf8))
        #expect(volume.name.isEmpty)
        #expect(try demand(json)?.image == "vol")
    }

    /// The same values as Go's `strconv.ParseBool`, which the driver uses.
    @Test(arguments: [
        ("true", true), ("True", true), ("TRUE", true), ("t", true), ("T", true), ("1", true),
        ("yes", false), ("tRUE", false), ("", false), ("0", false), (" true", false), ("f", false),
    ])
    func trueIsWhatTheDriverTakesForIt(text: String, isTrue: Bool) throws {
        #expect(try (demand(volume(attributes: ["staticVolume": text])) != nil) == isTrue)
    }

    @Test func eachFeatureCountsOnce() throws {
        let features = "layering,,layering, exclusive-lock ,layering"
        #expect(
            try demand(volume(attributes: ["imageFeatures": features]))?.features == ["layering", "exclusive-lock"]
        )
    }

    @Test func onlyListedPoolsAreAllowed() throws {
        var rules = rules
        rules.pools = ["kube", "fast"]
        #expect(try demand(volume(attributes: ["pool": "kube"]), rules)?.place.pool == "kube")
        for json in [volume(), inTree(#"{"image": "img"}"#)] {
            let problem = #expect(throws: Problem.self) { try demand(json, rules) }
            #expect(problem?.code == "pool-not-allowed")
            #expect(problem?.hint?.contains("fast, kube") == true)
        }
    }

    @Test func theClusterIsAskedForByItsNames() throws {
        let problem = #expect(throws: Problem.self) { try demand(volume(attributes: ["clusterID": "other"])) }
        #expect(problem?.code == "other-cluster")
        #expect(problem?.field == "spec.csi.volumeAttributes.clusterID")
        #expect(problem?.detail.contains(Self.fsid) == true)
        var rules = rules
        rules.clusters = ["ceph-1": "", "tenant-a": "team-a"]
        #expect(try demand(volume(attributes: ["clusterID": "ceph-1"]), rules)?.place.namespace == "")
        #expect(try demand(volume(attributes: ["clusterID": "tenant-a"]), rules)?.place.namespace == "team-a")
        #expect(throws: Problem.self) { try demand(volume(), rules) }
    }

    @Test(
        arguments: [
            ("clusterID", "spec.csi.volumeAttributes.clusterID"), ("pool", "spec.csi.volumeAttributes.pool"),
        ]
    )
    func whatIsMissingIsNamed(attribute: String, field: String) {
        for value in [nil, ""] as [String?] {
            let problem = #expect(throws: Problem.self) { try demand(volume(attributes: [attribute: value])) }
            #expect(problem?.code == "invalid-persistent-volume")
            #expect(problem?.field == field)
            #expect(problem?.hint != nil)
        }
    }

    @Test(arguments: [#""0""#, #""-1Gi""#, #""10GiB""#, #""16Ei""#, #""""#])
    func aCapacityThatIsNoneIsNamed(storage: String) {
        let problem = #expect(throws: Problem.self) { try demand(volume(storage: storage)) }
        #expect(problem?.code == "invalid-persistent-volume")
        #expect(problem?.field == "spec.capacity.storage")
    }

    @Test func aCapacityIsNeeded() {
        let json = #"{"metadata": {"name": "pv"}, "spec": {"rbd": {"image": "img"}}}"#
        let problem = #expect(throws: Problem.self) { try demand(json) }
        #expect(problem?.field == "spec.capacity.storage")
    }

    @Test func namesMustNotBeEmpty() {
        #expect(#expect(throws: Problem.self) { try demand(volume(handle: "")) }?.field == "spec.csi.volumeHandle")
        #expect(#expect(throws: Problem.self) { try demand(inTree(#"{"image": ""}"#)) }?.field == "spec.rbd.image")
    }

    @Test func aZeroByteEndsNoName() {
        for json in [
            volume(handle: "vol\\u0000x"), volume(attributes: ["pool": "rbd\\u0000x"]),
            inTree(#"{"image": "a\u0000"}"#),
        ] {
            let problem = #expect(throws: Problem.self) { try demand(json) }
            #expect(problem?.detail.contains("zero byte") == true)
        }
    }

    @Test func aPolicyThatDeletesNothingIsTold() throws {
        let warnings = try demand(volume(reclaim: "Delete"))?.warnings
        #expect(warnings?.count == 1)
        #expect(warnings?.first?.contains("the volume becomes Failed and the image stays") == true)
        #expect(warnings?.allSatisfy { AdmissionWarning.text($0) == $0 } == true)
        #expect(warnings?.first?.contains("write Retain") == true)
    }
}
