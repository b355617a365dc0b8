// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A PersistentVolume (`core/v1`), ready to be applied. Members that are nil are left out.
public struct PersistentVolumeObject: Codable, Hashable, Sendable {
    public var apiVersion = "v1"
    public var kind = "PersistentVolume"
    public var metadata: KubernetesMetadata
    public var spec: Spec

    public init(metadata: KubernetesMetadata, spec: Spec) {
        (self.metadata, self.spec) = (metadata, spec)
    }

    public struct Spec: Codable, Hashable, Sendable {
        public var accessModes: [String]
        public var capacity: StorageQuantity
        /// The claim that the volume is reserved for.
        public var claimRef: ClaimReference?
        public var csi: CSI
        public var persistentVolumeReclaimPolicy: String
        public var storageClassName: String?
        public var volumeMode: String

        public init(
            accessModes: [String],
            capacity: StorageQuantity,
            claimRef: ClaimReference?,
            csi: CSI,
            persistentVolumeReclaimPolicy: String,
            storageClassName: String?,
            volumeMode: String
        ) {
            self.accessModes = accessModes
            self.capacity = capacity
            self.claimRef = claimRef
            self.csi = csi
            self.persistentVolumeReclaimPolicy = persistentVolumeReclaimPolicy
            self.storageClassName = storageClassName
            self.volumeMode = volumeMode
        }
    }

    /// `CSIPersistentVolumeSource`.
    public struct CSI: Codable, Hashable, Sendable {
        public var driver: String
        public var volumeHandle: String
        public var fsType: String?
        public var volumeAttributes: SortedTexts
        public var nodeStageSecretRef: SecretReference?
        public var controllerExpandSecretRef: SecretReference?

        public init(
            driver: String,
            volumeHandle: String,
            fsType: String?,
            volumeAttributes: SortedTexts,
            nodeStageSecretRef: SecretReference?,
            controllerExpandSecretRef: SecretReference?
        ) {
            self.driver = driver
            self.volumeHandle = volumeHandle
            self.fsType = fsType
            self.volumeAttributes = volumeAttributes
            self.nodeStageSecretRef = nodeStageSecretRef
            self.controllerExpandSecretRef = controllerExpandSecretRef
        }
    }

    public struct ClaimReference: Codable, Hashable, Sendable {
        public var apiVersion = "v1"
        public var kind = "PersistentVolumeClaim"
        public var namespace: String
        public var name: String
        /// Without it, the volume is reserved for whatever claim has this name.
        public var uid: String?

        public init(namespace: String, name: String, uid: String? = nil) {
            (self.namespace, self.name, self.uid) = (namespace, name, uid)
        }
    }

    public struct SecretReference: Codable, Hashable, Sendable {
        public var name: String
        public var namespace: String

        public init(namespace: String, name: String) {
            (self.namespace, self.name) = (namespace, name)
        }
    }
}

/// A PersistentVolumeClaim (`core/v1`), ready to be applied.
public struct PersistentVolumeClaimObject: Codable, Hashable, Sendable {
    public var apiVersion = "v1"
    public var kind = "PersistentVolumeClaim"
    public var metadata: KubernetesMetadata
    public var spec: Spec

    public init(metadata: KubernetesMetadata, spec: Spec) {
        (self.metadata, self.spec) = (metadata, spec)
    }

    public struct Spec: Codable, Hashable, Sendable {
        public var accessModes: [String]
        public var resources: Resources
        /// Empty for no class. Without the member, the cluster's default class would apply.
        public var storageClassName: String
        public var volumeMode: String
        public var volumeName: String

        public init(
            accessModes: [String],
            resources: Resources,
            storageClassName: String,
            volumeMode: String,
            volumeName: String
        ) {
            self.accessModes = accessModes
            self.resources = resources
            self.storageClassName = storageClassName
            self.volumeMode = volumeMode
            self.volumeName = volumeName
        }
    }

    public struct Resources: Codable, Hashable, Sendable {
        public var requests: StorageQuantity

        public init(requests: StorageQuantity) {
            self.requests = requests
        }
    }
}

/// The members of `ObjectMeta` that the service sets.
public struct KubernetesMetadata: Codable, Hashable, Sendable {
    public var name: String
    /// Nil for objects that are in no namespace.
    public var namespace: String?
    public var annotations: SortedTexts?

    public init(name: String, namespace: String? = nil, annotations: SortedTexts? = nil) {
        (self.name, self.namespace, self.annotations) = (name, namespace, annotations)
    }
}

/// The size of a volume.
public struct StorageQuantity: Codable, Hashable, Sendable {
    /// A Kubernetes quantity: exact bytes, with a binary unit if one divides them: `10Gi`.
    public var storage: String

    public init(bytes: UInt64) {
        let text = ByteCount(bytes).description
        storage = text.hasSuffix("iB") ? String(text.dropLast()) : text
    }
}

/// Texts by their keys. They are written in the order of the keys, so that equal values are written in the same way.
public struct SortedTexts: Codable, Hashable, Sendable {
    public var values: [String: String]

    public init(_ values: [String: String]) {
        self.values = values
    }

    public init(from decoder: any Decoder) throws {
        values = try [String: String](from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            try container.encode(value, forKey: Key(stringValue: key))
        }
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { nil }
    }
}
