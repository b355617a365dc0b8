// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Kubernetes
import Naming
import RBDAPI

/// The object of the Kubernetes API, with all its fields. `PersistentVolume` has only those that decide about the
/// image.
typealias StoredVolume = Kubernetes.PersistentVolume

/// A PersistentVolume as the controller sees it.
struct WatchedVolume: Hashable, Sendable {
    /// Holds a volume that is being deleted until its image is in the trash.
    static let finalizer = "rbd-rest-api.io/reclaim"
    /// The annotation by which a volume says what becomes of its image.
    static let reclaimAnnotation = "rbd-rest-api.io/reclaim"
    /// The annotation with the id of the volume's image, which outlasts the leader. Another image may get the same name
    /// later. And a volume that has had an image never gets an empty one instead.
    static let imageAnnotation = "rbd-rest-api.io/image-id"

    /// What becomes of the image when the volume is deleted.
    enum Reclaim: Hashable, Sendable {
        case retain, trash
        case unknown(String)
    }

    /// What the volume needs of this service.
    enum Need: Hashable, Sendable {
        case nothing
        case image(VolumeDemand)
        case invalid(Problem)
    }

    /// The claim that the volume is bound to, or is reserved for.
    struct ClaimReference: Hashable, Sendable {
        var namespace: String
        var name: String
        /// Empty if the volume is only reserved.
        var uid = ""
    }

    var name: String
    var uid = ""
    var createdAt: KubernetesTime?
    var isBeingDeleted = false
    var finalizers: [String] = []
    /// `Pending`, `Available`, `Bound`, `Released` or `Failed`.
    var phase = "Available"
    /// Whether Kubernetes is to delete the volume together with its claim (`persistentVolumeReclaimPolicy: Delete`).
    var endsWithClaim = false
    /// Whether pods get the bare device, without a file system.
    var isBlock = false
    var claim: ClaimReference?
    var reclaim = Reclaim.retain
    /// The value of ``imageAnnotation``.
    var imageID: String?
    /// Whether the volume asks for this service by an annotation.
    var insists = false
    var need = Need.nothing

    /// Whether the volume waits for the controller when it is deleted.
    var isHeld: Bool { finalizers.contains(Self.finalizer) }
    var isBound: Bool { phase == "Bound" }
    /// Whether the claim is gone.
    var isReleased: Bool { phase == "Released" || phase == "Failed" }

    var demand: VolumeDemand? {
        guard case .image(let demand) = need else { return nil }
        return demand
    }
}

extension WatchedVolume {
    /// - Parameter fsid: the cluster's fsid.
    /// - Throws: what `fsid` throws.
    init(_ object: StoredVolume, _ rules: VolumeRules, fsid: () throws -> String) throws {
        let metadata = object.metadata
        let annotations = metadata.annotations
        self.init(
            name: metadata.name,
            uid: metadata.uid,
            createdAt: metadata.creationTimestamp,
            isBeingDeleted: metadata.deletionTimestamp != nil,
            finalizers: metadata.finalizers,
            phase: object.phase ?? "Pending",
            endsWithClaim: object.reclaimPolicy == "Delete",
            isBlock: object.volumeMode == "Block",
            claim: object.claim.map { ClaimReference(namespace: $0.namespace ?? "", name: $0.name, uid: $0.uid) },
            reclaim: Reclaim(annotations[Self.reclaimAnnotation]),
            imageID: annotations[Self.imageAnnotation].flatMap { $0.isEmpty ? nil : $0 },
            insists: annotations[VolumeRules.annotation] == "true" || annotations[Self.reclaimAnnotation] != nil,
            need: try Self.need(of: object, rules, fsid)
        )
    }

    private static func need(
        of object: StoredVolume,
        _ rules: VolumeRules,
        _ fsid: () throws -> String
    ) throws -> Need {
        // The monitors of the in-tree plugin are not compared, so the image may be in another cluster.
        guard object.csi != nil else { return .nothing }
        do {
            guard let demand = try rules.demand(of: PersistentVolume(object), fsid: fsid) else { return .nothing }
            try rules.requireAllowed(demand)
            return .image(demand)
        } catch let problem as Problem {
            return .invalid(problem)
        }
    }

    /// The part of an object that the controller keeps in memory. Of volumes that can't have an image, only the name is
    /// kept.
    static func kept(_ object: StoredVolume) -> StoredVolume {
        let csi = object.csi
        let mayHaveImage = object.rbd != nil || csi?.volumeAttributes["pool"] != nil
        var metadata = object.metadata.json.keeping(mayHaveImage ? keptMetadata : ["name", "uid", "resourceVersion"])
        if mayHaveImage { metadata[map: "annotations"] = object.metadata.annotations.filter { isKept($0.key) } }
        var kept: JSONObject = ["metadata": .object(metadata)]
        guard mayHaveImage else { return StoredVolume(json: kept) }
        var spec = object.spec.keeping(keptSpec)
        if let csi { spec[object: "csi"] = csi.json.keeping(["driver", "volumeHandle", "volumeAttributes"]) }
        if let rbd = object.rbd { spec[object: "rbd"] = rbd.keeping(["image", "pool"]) }
        if let claim = object.claim { spec[object: "claimRef"] = claim.json.keeping(["namespace", "name", "uid"]) }
        kept["spec"] = .object(spec)
        kept["status"] = .object(object.status.keeping(["phase"]))
        return StoredVolume(json: kept)
    }

    private static let keptMetadata: Set<String> = [
        "name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "finalizers",
    ]
    private static let keptSpec: Set<String> = [
        "capacity", "persistentVolumeReclaimPolicy", "volumeMode", "csi", "rbd", "claimRef",
    ]

    private static func isKept(_ annotation: String) -> Bool {
        annotation.hasPrefix("rbd-rest-api.io/") || annotation == VolumeRules.provisioner
    }
}

extension WatchedVolume.Reclaim {
    /// - Parameter text: the value of the annotation; nil if there is none.
    init(_ text: String?) {
        switch text {
        case nil, "retain": self = .retain
        case "trash": self = .trash
        case let text?: self = .unknown(text)
        }
    }
}

extension PersistentVolume {
    /// The fields that decide about the image.
    init(_ stored: StoredVolume) {
        let metadata = stored.metadata
        self.init(
            apiVersion: "v1",
            kind: "PersistentVolume",
            metadata: Metadata(name: metadata.name, annotations: metadata.annotations),
            spec: Spec(
                capacity: stored.capacity.map { Capacity(storage: QuantityText(text: $0)) },
                persistentVolumeReclaimPolicy: stored.reclaimPolicy,
                csi: stored.csi.map { csi in
                    CSI(driver: csi.driver, volumeHandle: csi.volumeHandle, volumeAttributes: csi.volumeAttributes)
                }
            )
        )
    }
}
