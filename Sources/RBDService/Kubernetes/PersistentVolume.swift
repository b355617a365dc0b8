// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The fields of a PersistentVolume (`core/v1`) that the service uses. All others are ignored.
struct PersistentVolume: Decodable, Sendable {
    var apiVersion: String?
    var kind: String?
    var metadata: Metadata
    var spec: Spec

    struct Metadata: Decodable, Sendable {
        /// Nil if the API server generates the name (`generateName`).
        var name: String?
        var annotations: [String: String]?
        /// In reviews of API servers.
        var uid: String?
    }

    struct Spec: Decodable, Sendable {
        var capacity: Capacity?
        var persistentVolumeReclaimPolicy: String?
        var csi: CSI?
        var rbd: RBD?
    }

    struct Capacity: Decodable, Sendable {
        var storage: QuantityText?
    }

    /// A quantity as text. Numbers are accepted, too: API servers send texts, but people write `storage: 1073741824`.
    struct QuantityText: Decodable, Sendable {
        var text: String

        init(text: String) {
            self.text = text
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            // Exact, unlike a floating point number.
            text = try (try? container.decode(Decimal.self)).map { "\($0)" } ?? container.decode(String.self)
        }
    }

    /// `CSIPersistentVolumeSource`.
    struct CSI: Decodable, Sendable {
        var driver: String
        var volumeHandle: String
        var volumeAttributes: [String: String]?
        var controllerPublishSecretRef: SecretReference?
        var nodeStageSecretRef: SecretReference?
    }

    struct SecretReference: Decodable, Sendable {
        var name: String?
    }

    /// `RBDPersistentVolumeSource` of the in-tree plugin, which Kubernetes had until 1.31.
    struct RBD: Decodable, Sendable {
        var image: String
        var pool: String?
    }

    var name: String { metadata.name ?? "" }
}
