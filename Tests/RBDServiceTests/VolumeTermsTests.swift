// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Naming
import RBDAPI
import Testing

@testable import Ceph
@testable import RBDService

/// What an adoption says of a volume, and the objects that come of it, without a cluster.
struct VolumeTermsTests {
    private typealias Secret = PersistentVolumeObject.SecretReference

    private static let fsid = "ba68226a-672f-4ba5-97bc-22840318b2ec"
    private static let uuid = "5a1e0b3c-6d2f-4c8e-9b7a-0f1e2d3c4b5a"
    private let rules = VolumeRules(drivers: ["rbd.csi.ceph.com"])
    private let request = AdoptImageRequest(claimNamespace: "shop", claimName: "orders")

    private func terms(
        _ rules: VolumeRules? = nil,
        namespace: String = "",
        _ change: (inout AdoptImageRequest) -> Void = { _ in }
    ) throws -> VolumeTerms {
        var request = request
        change(&request)
        let place = Place(pool: "rbd", namespace: namespace)
        return try VolumeTerms(request, rules ?? self.rules, in: place) { Self.fsid }
    }

    private func problem(_ body: () throws -> Void) -> Problem? {
        do {
            try body()
            return nil
        } catch {
            return error as? Problem
        }
    }

    @Test func defaultsAreThoseOfKubernetesAndTheCluster() throws {
        let terms = try terms()
        #expect(terms.clusterID == Self.fsid)
        #expect(terms.driver == "rbd.csi.ceph.com")
        #expect(terms.storageClass.isEmpty)
        #expect(terms.volumeMode == "Filesystem")
        #expect(terms.accessModes == ["ReadWriteOnce"])
        #expect(terms.nodeStageSecret == nil)
    }

    @Test(
        arguments: [
            (["*.rbd.csi.ceph.com"], nil), (["*.rbd.csi.ceph.com", "a.rbd.csi.ceph.com"], "a.rbd.csi.ceph.com"),
            (["*.rbd.csi.ceph.com", "rbd.csi.ceph.com", "other"], "rbd.csi.ceph.com"), (["a", "b"], nil), ([], nil),
        ] as [(Set<String>, String?)]
    )
    func theEndOfNamesIsNoDriver(configured: Set<String>, driver: String?) throws {
        let rules = VolumeRules(drivers: configured)
        #expect(try terms(rules) { $0.driver = "given" }.driver == "given")
        guard let driver else {
            #expect(problem { _ = try terms(rules) }?.field == "driver")
            return
        }
        #expect(try terms(rules).driver == driver)
    }

    @Test func theNodesSecretIsTheControllersToo() throws {
        let one = try terms { $0.nodeStageSecret = "ceph-csi/user" }
        #expect(one.controllerExpandSecret == Secret(namespace: "ceph-csi", name: "user"))
        let two = try terms {
            ($0.nodeStageSecret, $0.controllerExpandSecret) = ("rook-ceph/node", "rook-ceph/provisioner")
        }
        #expect(two.nodeStageSecret == Secret(namespace: "rook-ceph", name: "node"))
        #expect(two.controllerExpandSecret == Secret(namespace: "rook-ceph", name: "provisioner"))
    }

    @Test func aClusterIDFitsTheNamespace() throws {
        var rules = rules
        rules.clusters = ["plain": "", "team": "team-a", "again": "team-a"]
        #expect(try terms(rules).clusterID == "plain")
        #expect(try terms(rules, namespace: "team-a") { $0.clusterID = "again" }.clusterID == "again")
        let several = problem { _ = try terms(rules, namespace: "team-a") }
        #expect(several?.code == "other-cluster")
        #expect(several?.hint?.contains("again, team") == true)
        let wrong = problem { _ = try terms(rules, namespace: "team-a") { $0.clusterID = "plain" } }
        #expect(wrong?.code == "other-cluster")
        let none = problem { _ = try terms(rules, namespace: "team-b") }
        #expect(none?.hint?.contains("kubernetes-cluster-ids as ID/team-b") == true)
        #expect(problem { _ = try terms(namespace: "team-a") }?.code == "other-cluster")
    }

    @Test func whatCannotBeIsRefused() {
        let changes: [(field: String, change: (inout AdoptImageRequest) -> Void)] = [
            ("driver", { $0.driver = "Not a driver" }), ("storageClass", { $0.storageClass = "a/b" }),
            ("nodeStageSecret", { $0.nodeStageSecret = "user" }), ("fsType", { $0.fsType = "ext4 -F" }),
            ("controllerExpandSecret", { $0.controllerExpandSecret = "a/b/c" }),
            ("volumeMode", { $0.volumeMode = "block" }), ("accessModes", { $0.accessModes = ["RWO"] }),
            ("accessModes", { $0.accessModes = ["ReadWriteMany"] }),
        ]
        for (field, change) in changes {
            let problem = problem { _ = try terms(nil, change) }
            #expect(problem?.code == "invalid-persistent-volume", "\(field)")
            #expect(problem?.field == field)
        }
        #expect(throws: Never.self) {
            try terms { ($0.accessModes, $0.volumeMode) = (["ReadWriteMany"], "Block") }
        }
        let claims: [(field: String, change: (inout AdoptImageRequest) -> Void)] = [
            ("claimNamespace", { $0.claimNamespace = "a.b" }), ("claimName", { $0.claimName = "Orders" }),
            ("claimName", { $0.claimName = "" }), ("claimUid", { $0.claimUID = "1" }),
            ("claimUid", { $0.claimUID = Self.uuid.uppercased() }),
            ("encryptionKmsId", { $0.encryptionKMSID = "a\0b" }),
            ("instance", { $0.instance = "a b" }), ("encryptionType", { $0.encryptionType = "luks" }),
            ("encryptionKmsId", { $0.encryptionType = "file" }),
            ("encryptionKmsId", { ($0.isStatic, $0.encryptionKMSID) = (true, "vault") }),
        ]
        for (field, change) in claims {
            var request = request
            change(&request)
            #expect(problem { try request.check() }?.field == field)
        }
        #expect(throws: Never.self) { try request.check() }
    }

    // MARK: Names

    /// These must never change: repeated requests would find nothing.
    @Test func derivedNamesStayTheSame() {
        let volume = DerivedUUID.volume(fsid: Self.fsid, poolID: 2, namespace: "", imageID: "10ab")
        #expect(VolumeUUID.isValid(volume))
        #expect(volume == DerivedUUID.volume(fsid: Self.fsid, poolID: 2, namespace: "", imageID: "10ab"))
        #expect(Array(volume)[14] == "5")
        #expect("89ab".contains(Array(volume)[19]))
        let others = [
            DerivedUUID.volume(fsid: "x", poolID: 2, namespace: "", imageID: "10ab"),
            DerivedUUID.volume(fsid: Self.fsid, poolID: 3, namespace: "", imageID: "10ab"),
            DerivedUUID.volume(fsid: Self.fsid, poolID: 2, namespace: "n", imageID: "10ab"),
            DerivedUUID.volume(fsid: Self.fsid, poolID: 2, namespace: "", imageID: "10ac"),
            DerivedUUID.claim(namespace: "a", name: "b"), DerivedUUID.claim(namespace: "b", name: "a"),
        ]
        #expect(Set(others + [volume]).count == 7)
    }

    // MARK: Objects

    private func image(
        _ name: String,
        features: ImageFeatures = [.layering, .dataPool],
        dataPool: String? = nil
    )
        -> ImageInfo
    {
        var image = ImageInfo(
            name: name,
            id: "10ab",
            sizeBytes: 10 << 30,
            objectSizeBytes: 4 << 20,
            stripeUnitBytes: 4 << 20,
            stripeCount: 1,
            features: features,
            snapshotCount: 0
        )
        image.dataPool = dataPool
        return image
    }

    private func description(_ origin: KubernetesVolume.Origin = .adopted) -> VolumeDescription {
        VolumeDescription(
            name: "pvc-1",
            origin: origin,
            uuid: origin == .static ? nil : Self.uuid,
            handle: origin == .static ? nil : VolumeHandle(clusterID: Self.fsid, poolID: 2, uuid: Self.uuid),
            claim: .init(namespace: "shop", name: "orders")
        )
    }

    @Test func anAdoptedImageIsWrittenAsCephCSIWouldWriteIt() throws {
        let terms = try terms {
            ($0.storageClass, $0.nodeStageSecret, $0.fsType) = ("fast", "ceph-csi/user", "xfs")
        }
        let spec = ImageSpec(pool: "rbd", image: "vol")
        let volume = description().objects(image("vol", dataPool: "ec"), spec, terms)
        let object = volume.persistentVolume
        #expect(object.metadata == KubernetesMetadata(name: "pvc-1"))
        #expect(object.spec.capacity.storage == "10Gi")
        #expect(object.spec.persistentVolumeReclaimPolicy == "Retain")
        #expect(object.spec.csi.volumeHandle == "0001-0024-\(Self.fsid)-0000000000000002-\(Self.uuid)")
        #expect(
            object.spec.csi.volumeAttributes.values == [
                "clusterID": Self.fsid, "pool": "rbd", "journalPool": "rbd", "imageName": "vol",
                "imageFeatures": "layering", "dataPool": "ec",
            ]
        )
        let claim = try #require(volume.persistentVolumeClaim)
        #expect(claim.metadata == KubernetesMetadata(name: "orders", namespace: "shop"))
        #expect(claim.spec.volumeName == "pvc-1")
        #expect(claim.spec.storageClassName == "fast")
        #expect(volume.warnings.count == 1)
        #expect(volume.warnings.first?.contains("leave the reclaim policy at Retain") == true)
    }

    @Test func anImageThatCephCSICanDeleteIsItsProvisioners() throws {
        let terms = try terms()
        let spec = ImageSpec(pool: "rbd", namespace: "team", image: "db-\(Self.uuid)")
        let volume = description().objects(image(spec.image), spec, terms)
        let annotations = volume.persistentVolume.metadata.annotations?.values
        #expect(annotations == ["pv.kubernetes.io/provisioned-by": "rbd.csi.ceph.com"])
        let attributes = volume.persistentVolume.spec.csi.volumeAttributes.values
        #expect(attributes["volumeNamePrefix"] == "db-")
        #expect(attributes["radosNamespace"] == "team")
        #expect(volume.persistentVolumeClaim?.spec.storageClassName.isEmpty == true)
        #expect(volume.persistentVolume.spec.storageClassName == nil)
    }

    @Test func aStaticVolumeHasTheImagesNameForAHandle() throws {
        let spec = ImageSpec(pool: "rbd", image: "vol")
        let volume = description(.static).objects(image("vol", features: []), spec, try terms())
        #expect(volume.persistentVolume.spec.csi.volumeHandle == "vol")
        let attributes = volume.persistentVolume.spec.csi.volumeAttributes.values
        #expect(attributes == ["clusterID": Self.fsid, "pool": "rbd", "staticVolume": "true"])
        #expect(volume.persistentVolume.metadata.annotations == nil)
    }

    @Test func theRecordOfAnAdoptionProvesItsEntry() throws {
        var request = request
        request.encryptionKMSID = "vault"
        let adoption = Adoption(
            imageName: "vol",
            imageID: "10ab",
            uuid: Self.uuid,
            requestName: "pvc-1",
            request: request
        )
        let read = try JSONDecoder().decode(Adoption.self, from: JSONEncoder().encode(adoption))
        #expect(read == adoption)
        var entry = adoption.entry
        #expect(entry.encryptionType == "block")
        entry.owner = "other"
        entry.otherKeys = ["csi.groupid"]
        #expect(adoption.hasWritten(entry))
        for change in [
            { $0.imageID = "10ac" }, { $0.imageName = "vol-2" }, { $0.requestName = "pvc-2" },
            { $0.encryptionKMS = nil },
        ] as [(inout JournalEntry) -> Void] {
            var other = entry
            change(&other)
            #expect(!adoption.hasWritten(other))
        }
    }
}
