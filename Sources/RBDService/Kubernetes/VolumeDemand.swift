// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

/// Which PersistentVolumes get an image from this service, and where the image may be.
struct VolumeRules: Hashable, Sendable {
    /// The CSI drivers whose static volumes get an image: names, or `*.` and the end of names.
    var drivers: Set<String> = []
    /// The pools that may hold images of volumes; nil for all.
    var pools: Set<String>?
    /// The names of this cluster in `clusterID`, each with a namespace of RBD; nil for the cluster's own fsid.
    var clusters: [String: String]?
    /// Whether only volumes with the annotation get an image.
    var isOptIn = false
    /// Whether a controller moves the images of deleted volumes to the trash.
    var hasController = false

    static let annotation = "rbd-rest-api.io/ensure"
    /// The annotation of a volume whose image may be created without the feature `layering`.
    static let withoutLayering = "rbd-rest-api.io/without-layering"
    /// The annotation with the provisioner of a dynamically provisioned volume.
    static let provisioner = "pv.kubernetes.io/provisioned-by"
}

/// The image that a PersistentVolume needs.
struct VolumeDemand: Hashable, Sendable {
    var place: Place
    var image: String
    var sizeBytes: UInt64
    /// Nil if the volume has no such list.
    var features: [String]?
    /// The names of the volume's fields that these values come from.
    var fields: Fields
    /// Whether a CSI driver uses the image, and not the in-tree plugin.
    var isCSI = false
    /// The data pool that the volume names; nil if it names none.
    var dataPool: String?
    /// Whether the image may be created without the feature `layering`.
    var mayLackLayering = false
    /// Problems of the volume that are no reason to refuse it.
    var warnings: [String] = []

    struct Fields: Hashable, Sendable {
        var pool: String
        var image: String
        var features: String
        /// The field that determines the namespace.
        var cluster: String
        static let size = "spec.capacity.storage"
    }

    /// The in-tree plugin uses the kernel's client, which may not support other features. Nor does anyone need them.
    static let plainFeatures = ["layering"]
}

extension VolumeRules {
    /// The image that the volume needs.
    /// - Parameter fsid: the cluster's fsid. It is only evaluated if `clusters` is nil.
    /// - Returns: nil if the volume needs no image from this service.
    /// - Throws: `Problem` with `invalid-persistent-volume` or `other-cluster`.
    func demand(of volume: PersistentVolume, fsid: () throws -> String) throws -> VolumeDemand? {
        let (csi, rbd) = (staticVolume(volume.spec.csi), volume.spec.rbd)
        guard csi != nil || rbd != nil, try isWanted(volume) else { return nil }
        // A provisioner of the in-tree plugin creates the image before the volume.
        let annotations = volume.metadata.annotations ?? [:]
        guard csi != nil || annotations[Self.provisioner] == nil || annotations[Self.annotation] == "true" else {
            return nil
        }
        let size = try Self.size(of: volume)
        var demand: VolumeDemand
        if let csi {
            try Self.requireAttachable(csi)
            demand = try self.demand(of: csi, size, fsid)
            demand.mayLackLayering = try Self.flag(Self.withoutLayering, of: volume) ?? false
            demand.warnings = Self.warnings(on: csi, in: demand.place)
        } else if let rbd {
            demand = try Self.demand(of: rbd, size)
        } else {
            return nil
        }
        // Ceph's C interface would take the text before a zero byte for the name.
        for (field, name) in [(demand.fields.pool, demand.place.pool), (demand.fields.image, demand.image)] {
            if name.unicodeScalars.contains("\0") { throw Self.invalid(field, "it contains a zero byte") }
        }
        // With the annotation, the controller does what the driver can't do.
        let isReclaimed = hasController && annotations[WatchedVolume.reclaimAnnotation] == "trash"
        if csi != nil, volume.spec.persistentVolumeReclaimPolicy == "Delete", !isReclaimed {
            demand.warnings.append(
                "spec.persistentVolumeReclaimPolicy is Delete, but nothing deletes the image of a static volume: when its "
                    + "claim is deleted, the volume becomes Failed and the image stays; write Retain"
            )
        }
        return demand
    }

    /// The capacity in bytes.
    /// - Throws: `Problem` with `invalid-persistent-volume`.
    static func size(of volume: PersistentVolume) throws -> UInt64 {
        guard let text = volume.spec.capacity?.storage?.text else {
            throw invalid(VolumeDemand.Fields.size, "it is missing", hint: "write the size, such as 10Gi")
        }
        do throws(Quantity.ParseError) {
            let size = try Quantity(parsing: text).bytes
            if size > 0 { return size }
        } catch {
            throw invalid(VolumeDemand.Fields.size, error.reason)
        }
        throw invalid(VolumeDemand.Fields.size, "it must be at least 1 byte")
    }

    /// The driver itself has created the images of its other volumes.
    private func staticVolume(_ csi: PersistentVolume.CSI?) -> PersistentVolume.CSI? {
        guard let csi, includes(driver: csi.driver), let text = csi.volumeAttributes?["staticVolume"],
            Self.truths.contains(text)
        else { return nil }
        return csi
    }

    /// The values that the driver takes for true (`strconv.ParseBool`).
    static let truths: Set<String> = ["1", "t", "T", "true", "TRUE", "True"]
    /// The values that the driver takes for false.
    static let falsehoods: Set<String> = ["0", "f", "F", "false", "FALSE", "False"]

    func isWanted(_ volume: PersistentVolume) throws(Problem) -> Bool {
        try Self.flag(Self.annotation, of: volume) ?? !isOptIn
    }

    /// - Returns: nil if the volume does not have the annotation.
    private static func flag(_ annotation: String, of volume: PersistentVolume) throws(Problem) -> Bool? {
        switch volume.metadata.annotations?[annotation] {
        case nil: return nil
        case "true": return true
        case "false": return false
        case let text?:
            throw invalid(
                "metadata.annotations[\(annotation)]",
                "\"\(text.prefix(40))\" is neither \"true\" nor \"false\""
            )
        }
    }

    private func demand(
        of csi: PersistentVolume.CSI,
        _ size: UInt64,
        _ fsid: () throws -> String
    ) throws -> VolumeDemand {
        func attribute(_ name: String, _ hint: String) throws -> String {
            guard let value = csi.volumeAttributes?[name], !value.isEmpty else {
                throw Self.invalid("spec.csi.volumeAttributes.\(name)", "it is missing", hint: hint)
            }
            return value
        }
        let cluster = try attribute("clusterID", "the driver needs it: ceph fsid prints the usual one")
        let known = try clusters ?? [fsid(): ""]
        guard let namespace = known[cluster] else {
            // Only callers that may see the cluster may learn its other names.
            let showsNames = Access.current.may(.read, .cluster)
            let names = showsNames ? ", which is \(known.keys.sorted().joined(separator: " or "))" : ""
            throw Problem(
                .otherCluster,
                "spec.csi.volumeAttributes.clusterID",
                "\"\(cluster.prefix(64))\" is not the cluster of this service\(names)",
                hint:
                    "correct it, or add it to the service's setting kubernetes-cluster-ids, next to the other ids of this cluster"
            )
        }
        guard !csi.volumeHandle.isEmpty else { throw Self.invalid("spec.csi.volumeHandle", "it names no image") }
        try Self.requireImageName(csi.volumeHandle)
        return VolumeDemand(
            place: Place(pool: try attribute("pool", "name the pool of the image"), namespace: namespace),
            image: csi.volumeHandle,
            sizeBytes: size,
            features: csi.volumeAttributes?["imageFeatures"].map(Self.features),
            fields: .init(
                pool: "spec.csi.volumeAttributes.pool",
                image: "spec.csi.volumeHandle",
                features: "spec.csi.volumeAttributes.imageFeatures",
                cluster: "spec.csi.volumeAttributes.clusterID"
            ),
            isCSI: true,
            dataPool: csi.volumeAttributes?["dataPool"].flatMap { $0.isEmpty ? nil : $0 }
        )
    }

    private static func demand(of rbd: PersistentVolume.RBD, _ size: UInt64) throws -> VolumeDemand {
        guard !rbd.image.isEmpty else { throw invalid("spec.rbd.image", "it names no image") }
        return VolumeDemand(
            // The default of Kubernetes.
            place: Place(pool: rbd.pool.flatMap { $0.isEmpty ? nil : $0 } ?? "rbd", namespace: ""),
            image: rbd.image,
            sizeBytes: size,
            features: nil,
            fields: .init(
                pool: "spec.rbd.pool",
                image: "spec.rbd.image",
                features: "spec.rbd",
                cluster: "spec.rbd"
            )
        )
    }

    private static func features(_ list: String) -> [String] {
        let names = list.split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }.filter { !$0.isEmpty }
        return names.reduce(into: []) { unique, name in
            if !unique.contains(name) { unique.append(name) }
        }
    }

    /// - Throws: `Problem` with `pool-not-allowed`.
    func requireAllowed(_ demand: VolumeDemand) throws(Problem) {
        guard let pools, !pools.contains(demand.place.pool) else { return }
        // The hint must not name pools that the caller may not see.
        let known = pools.filter { Access.current.sees(.pool($0)) }.sorted()
        let choice = known.isEmpty ? "choose another" : "choose one of \(known.joined(separator: ", "))"
        throw Problem(
            .poolNotAllowed,
            demand.fields.pool,
            "pool \"\(demand.place.pool)\" may not hold images of volumes",
            hint: demand.hintOnNamespaceInPool ?? "\(choice), or add it to the service's setting kubernetes-pools"
        )
    }

    static func invalid(_ field: String, _ reason: String, hint: String? = nil) -> Problem {
        Problem(.invalidPersistentVolume, field, reason, hint: hint)
    }
}
