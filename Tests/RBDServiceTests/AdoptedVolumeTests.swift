// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kubernetes
import Naming
import RBDAPI
import Testing

@testable import Ceph
@testable import RBDService

/// What the controller takes the volumes of adopted images for, without Kubernetes and without Ceph.
struct AdoptedVolumeTests {
    private static let fsid = "ba68226a-672f-4ba5-97bc-22840318b2ec"
    private static let uuid = "5a1e0b3c-6d2f-4c8e-9b7a-0f1e2d3c4b5a"
    private static let spec = ImageSpec(pool: "rbd", image: "vol")
    private static let image = ImageInfo(
        name: "vol",
        id: "10ab",
        // Not even a multiple of 512.
        sizeBytes: (10 << 30) + 7,
        objectSizeBytes: 4 << 20,
        stripeUnitBytes: 4 << 20,
        stripeCount: 1,
        features: .layering,
        snapshotCount: 0
    )

    private func adopted(isStatic: Bool, _ rules: VolumeRules) throws -> KubernetesVolume {
        let request = AdoptImageRequest(claimNamespace: "shop", claimName: "orders")
        let terms = try VolumeTerms(request, rules, in: Self.spec.place) { Self.fsid }
        let description = VolumeDescription(
            name: "pvc-1",
            origin: isStatic ? .static : .adopted,
            uuid: isStatic ? nil : Self.uuid,
            handle: isStatic ? nil : VolumeHandle(clusterID: Self.fsid, poolID: 2, uuid: Self.uuid),
            claim: .init(namespace: "shop", name: "orders")
        )
        return description.objects(Self.image, Self.spec, terms)
    }

    /// The volume as the API server stores it, after its user has annotated it.
    private func stored(_ volume: KubernetesVolume) throws -> StoredVolume {
        let json = Array(try JSONEncoder().encode(volume.persistentVolume))
        var object = StoredVolume(json: try #require(try JSONValue(parsing: json).object))
        var metadata = object.metadata
        metadata.annotations[WatchedVolume.reclaimAnnotation] = "trash"
        object.metadata = metadata
        return object
    }

    private func watched(isStatic: Bool, _ rules: VolumeRules) throws -> WatchedVolume {
        try WatchedVolume(stored(adopted(isStatic: isStatic, rules)), rules) { Self.fsid }
    }

    @Test func anAdoptedImageIsNoStaticVolume() throws {
        let rules = VolumeRules(drivers: ["rbd.csi.ceph.com"], hasController: true)
        let volume = try watched(isStatic: false, rules)
        #expect(volume.need == .nothing)
        #expect(VolumePlanner.next(VolumeSituation(volume: volume)) == .nothing)
        // Static volumes of the same image know of it.
        let index = VolumeIndex(rules: rules)
        index.note(.added(try stored(adopted(isStatic: false, rules))))
        #expect(index.volumes(of: Self.spec, except: "other") == ["pvc-1"])
    }

    @Test(arguments: [true, false])
    func anImageThatIsAdoptedAsAStaticVolumeIsOne(isOptIn: Bool) throws {
        let rules = VolumeRules(drivers: ["rbd.csi.ceph.com"], isOptIn: isOptIn, hasController: true)
        let volume = try watched(isStatic: true, rules)
        let demand = try #require(volume.demand)
        #expect(demand.place.image(demand.image) == Self.spec)
        // It does not grow by itself.
        #expect(demand.sizeBytes == Self.image.sizeBytes)
        var situation = VolumeSituation(volume: volume, image: .there(id: "10ab", sizeBytes: Self.image.sizeBytes))
        #expect(VolumePlanner.next(situation) == .hold(imageID: "10ab"))
        situation.volume.imageID = "10ab"
        situation.volume.finalizers = [WatchedVolume.finalizer]
        #expect(VolumePlanner.next(situation) == .nothing)
        situation.image = .there(id: "10ab", sizeBytes: 1 << 30)
        #expect(VolumePlanner.next(situation) == .growImage)
    }

    @Test func onlyTheControllersUsersAreToldHowAStaticVolumeGrows() throws {
        func isTold(_ rules: VolumeRules) throws -> Bool {
            try adopted(isStatic: true, rules).warnings.contains { $0.contains("raise spec.capacity") }
        }
        #expect(try isTold(VolumeRules(drivers: ["rbd.csi.ceph.com"], hasController: true)))
        #expect(try !isTold(VolumeRules(drivers: ["rbd.csi.ceph.com"])))
    }

    @Test func onlyAStaticVolumeEndsItsAdoption() {
        var adoption = Adoption(
            imageName: "vol",
            imageID: "10ab",
            uuid: nil,
            requestName: "pvc-1",
            request: AdoptImageRequest(claimNamespace: "shop", claimName: "orders")
        )
        #expect(adoption.isStaticVolume("pvc-1"))
        // Another volume of the image, which somebody has written.
        #expect(!adoption.isStaticVolume("orders"))
        adoption.uuid = Self.uuid
        #expect(!adoption.isStaticVolume("pvc-1"))
    }

    /// The Event says the same, no matter whether the image was adopted before or during the look at the volume.
    @Test func theEventSaysWhoHasAdoptedTheImage() throws {
        let rules = VolumeRules(drivers: ["rbd.csi.ceph.com"], hasController: true)
        let demand = try #require(try watched(isStatic: true, rules).demand)
        let adoption = Adoption(
            imageName: "vol",
            imageID: "10ab",
            uuid: Self.uuid,
            requestName: "pvc-1",
            request: AdoptImageRequest(claimNamespace: "shop", claimName: "orders")
        )
        let problem = Problem.isAdopted(Self.spec, adoption).speaking(of: demand)
        for report in [
            VolumeWords.adopted(demand, for: "shop/orders"),
            VolumeWords.failed(.moveToTrash(imageID: "10ab"), demand, problem),
        ] {
            #expect(report.severity == .warning)
            #expect(report.reason == "ImageAdopted")
            #expect(report.message.contains("the claim shop/orders"))
            #expect(report.message.contains("rbdctl kubernetes release rbd/vol"))
        }
    }
}
