// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An image as a volume of Kubernetes: the answer to `PUT` and `GET …/images/{image}/volume`.
public struct KubernetesVolume: Codable, Hashable, Sendable {
    /// How the image has become a volume.
    public enum Origin: String, Codable, CaseIterable, Sendable {
        /// The service has entered it in ceph-csi's journal.
        case adopted
        /// ceph-csi has made it.
        case provisioned
        /// It is a static volume, which ceph-csi's journal does not have.
        case `static`
    }

    /// The image as Ceph writes it: `pool/image`.
    public var image: String
    public var origin: Origin
    /// The UUID of the volume in ceph-csi's journal; null for a static volume.
    @Nullable public var uuid: String?
    /// Sentences for people: what the volume can't do, and what is not known about it.
    public var warnings: [String]
    public var persistentVolume: PersistentVolumeObject
    /// Null if it is not known which claim has the volume.
    @Nullable public var persistentVolumeClaim: PersistentVolumeClaimObject?

    public init(
        image: String,
        origin: Origin,
        uuid: String?,
        warnings: [String],
        persistentVolume: PersistentVolumeObject,
        persistentVolumeClaim: PersistentVolumeClaimObject?
    ) {
        self.image = image
        self.origin = origin
        self.uuid = uuid
        self.warnings = warnings
        self.persistentVolume = persistentVolume
        self.persistentVolumeClaim = persistentVolumeClaim
    }
}

/// The body of `PUT …/images/{image}/volume`: the claim that gets the image, and what Ceph does not know of the volume.
public struct AdoptImageRequest: Codable, Hashable, Sendable, RequestBody {
    public var claimNamespace: String
    public var claimName: String
    /// The claim's UID, if the claim exists already.
    public var claimUID: String?
    /// Whether to make a static volume, without ceph-csi's journal. The default is false.
    public var isStatic: Bool?
    /// ceph-csi's `--instanceid`. The default is `default`.
    public var instance: String?
    /// The key management service that has the passphrase of an image that ceph-csi has encrypted.
    public var encryptionKMSID: String?
    /// `block` or `file`. The default is `block`.
    public var encryptionType: String?
    /// ceph-csi's name of the cluster. The default is the only one that fits the image's namespace.
    public var clusterID: String?
    /// The name of the CSI driver. The default is the only one of the setting `kubernetes-drivers`.
    public var driver: String?
    public var storageClass: String?
    /// The Secret with the Ceph user of nodes: `namespace/name`.
    public var nodeStageSecret: String?
    /// The Secret with the Ceph user of the controller. The default is `nodeStageSecret`.
    public var controllerExpandSecret: String?
    public var fsType: String?
    /// `Filesystem` or `Block`. The default is `Filesystem`.
    public var volumeMode: String?
    /// The default is `ReadWriteOnce`.
    public var accessModes: [String]?

    public init(claimNamespace: String, claimName: String) {
        (self.claimNamespace, self.claimName) = (claimNamespace, claimName)
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case claimNamespace, claimName
        case claimUID = "claimUid"
        case isStatic = "static"
        case instance
        case encryptionKMSID = "encryptionKmsId"
        case encryptionType
        case clusterID = "clusterId"
        case driver, storageClass, nodeStageSecret, controllerExpandSecret, fsType, volumeMode, accessModes
    }
}
