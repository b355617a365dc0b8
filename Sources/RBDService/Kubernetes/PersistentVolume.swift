// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// What matters to us of a PersistentVolume (`core/v1`). Whatever else there is belongs to others, and is passed over.
struct PersistentVolume: Decodable, Sendable {
    var apiVersion: String?
    var kind: String?
    var metadata: Metadata
    var spec: Spec

    struct Metadata: Decodable, Sendable {
        /// Missing where the API server is to make one up (`generateName`).
        var name: String?
        var annotations: [String: String]?
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

    /// A quantity as it is written. A number is one too: API servers send texts, but people write `storage: 1073741824`.
    struct QuantityText: Decodable, Sendable {
        var text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            // Exact, other than a floating point number.
            text = try (try? container.decode(Decimal.self)).map { "\($0)" } ?? container.decode(String.self)
        }
    }

    /// `CSIPersistentVolumeSource`.
    struct CSI: Decodable, Sendable {
        var driver: String
        var volumeHandle: String
        var volumeAttributes: [String: String]?
    }

    /// `RBDPersistentVolumeSource`, of the plugin that was part of Kubernetes until 1.31.
    struct RBD: Decodable, Sendable {
        var image: String
        var pool: String?
    }

    var name: String { metadata.name ?? "" }
}
