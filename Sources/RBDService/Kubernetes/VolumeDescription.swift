// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What is known of a volume, to write it as objects of Kubernetes.
struct VolumeDescription: Sendable {
    /// The PersistentVolume's name. ceph-csi takes it for the name of the request.
    var name: String
    var origin: KubernetesVolume.Origin
    /// Nil for a static volume.
    var uuid: String?
    /// The handle; nil for a static volume, whose handle is the image's name.
    var handle: VolumeHandle?
    /// Nil if it is not known which claim has the volume.
    var claim: PersistentVolumeObject.ClaimReference?
    /// The pool of the journal; nil if it is the image's.
    var journalPool: String?
    /// The key management service of an encrypted volume.
    var encryptionKMS: String?
    var encryptionType: String?
    var warnings: [String] = []

    /// The features that ceph-csi knows. It refuses a volume that names others.
    private static let features: ImageFeatures = [
        .layering, .exclusiveLock, .objectMap, .fastDiff, .deepFlatten, .journaling,
    ]

    /// The volume as objects that can be applied.
    func objects(_ image: ImageInfo, _ spec: ImageSpec, _ terms: VolumeTerms) -> KubernetesVolume {
        let size = StorageQuantity(bytes: image.sizeBytes)
        let volume = PersistentVolumeObject(
            metadata: KubernetesMetadata(name: name, annotations: annotations(image, terms)),
            spec: .init(
                accessModes: terms.accessModes,
                capacity: size,
                claimRef: claim,
                csi: .init(
                    driver: terms.driver,
                    volumeHandle: handle?.description ?? image.name,
                    fsType: terms.fsType,
                    volumeAttributes: SortedTexts(attributes(image, spec.place, terms)),
                    nodeStageSecretRef: terms.nodeStageSecret,
                    controllerExpandSecretRef: terms.controllerExpandSecret
                ),
                // A volume that is applied by mistake, and deleted again, must not take the data with it.
                persistentVolumeReclaimPolicy: "Retain",
                storageClassName: terms.storageClass.isEmpty ? nil : terms.storageClass,
                volumeMode: terms.volumeMode
            )
        )
        let claim = claim.map { claim in
            PersistentVolumeClaimObject(
                metadata: KubernetesMetadata(name: claim.name, namespace: claim.namespace),
                spec: .init(
                    accessModes: terms.accessModes,
                    resources: .init(requests: size),
                    storageClassName: terms.storageClass,
                    volumeMode: terms.volumeMode,
                    volumeName: name
                )
            )
        }
        return KubernetesVolume(
            image: spec.description,
            origin: origin,
            uuid: uuid,
            warnings: warnings + limits(of: image, terms),
            persistentVolume: volume,
            persistentVolumeClaim: claim
        )
    }

    /// ceph-csi deletes an image first, and then takes the UUID of the entry from the end of its name.
    private func isDeletable(_ image: ImageInfo) -> Bool {
        uuid != nil && VolumeUUID.suffix(of: image.name) == uuid
    }

    /// external-provisioner deletes only volumes with the annotation of their provisioner. A static volume is the
    /// controller's, like any other one.
    private func annotations(_ image: ImageInfo, _ terms: VolumeTerms) -> SortedTexts? {
        if handle == nil, terms.isOptIn { return SortedTexts([VolumeRules.annotation: "true"]) }
        return isDeletable(image) ? SortedTexts([VolumeRules.provisioner: terms.driver]) : nil
    }

    private func attributes(_ image: ImageInfo, _ place: Place, _ terms: VolumeTerms) -> [String: String] {
        var attributes = ["clusterID": terms.clusterID, "pool": place.pool]
        let features = image.features.intersection(Self.features).names.joined(separator: ",")
        if !features.isEmpty { attributes["imageFeatures"] = features }
        guard let uuid, let handle else {
            attributes["staticVolume"] = "true"
            return attributes
        }
        attributes["journalPool"] = journalPool ?? place.pool
        attributes["imageName"] = image.name
        if !place.namespace.isEmpty { attributes["radosNamespace"] = place.namespace }
        attributes["dataPool"] = image.dataPool
        if image.name.hasSuffix(uuid), image.name != handle.imageName(prefix: nil) {
            // ceph-csi makes the image's name from it if the journal is lost.
            attributes["volumeNamePrefix"] = String(image.name.dropLast(uuid.count))
        }
        if let encryptionKMS {
            attributes["encrypted"] = "true"
            attributes["encryptionKMSID"] = encryptionKMS
            attributes["encryptionType"] = encryptionType
        }
        return attributes
    }

    /// What the volume can't do.
    private func limits(of image: ImageInfo, _ terms: VolumeTerms) -> [String] {
        var limits: [String] = []
        if terms.nodeStageSecret == nil {
            limits.append("nodeStageSecret is not given: without it, no node can use the volume")
        }
        if terms.storageClass.isEmpty {
            limits.append("storageClass is not given: claims without a class can't grow")
        }
        guard handle != nil else {
            limits.append(
                "a static volume can't be grown, snapshotted, cloned or deleted by ceph-csi"
                    + (terms.hasController ? "; to grow it, raise spec.capacity of the PersistentVolume" : "")
            )
            return limits
        }
        if !image.features.contains(.layering) {
            limits.append("the image has no feature layering: ceph-csi can't snapshot or clone it")
        }
        if !isDeletable(image) {
            limits.append(
                "the image's name does not end with the volume's UUID: ceph-csi would delete the image, but not its entries; "
                    + "leave the reclaim policy at Retain"
            )
        }
        return limits
    }
}
