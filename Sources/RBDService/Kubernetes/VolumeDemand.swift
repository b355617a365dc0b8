// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

/// Which PersistentVolumes have an image of ours, and where it may be.
struct VolumeRules: Hashable, Sendable {
    /// The CSI drivers whose static volumes are meant.
    var drivers: Set<String> = []
    /// The pools that may hold images of volumes; nil for all.
    var pools: Set<String>?
    /// What this cluster is called in `clusterID`, and the namespace of RBD that goes with the name; nil for the cluster's own fsid.
    var clusters: [String: String]?
    /// Whether only volumes are meant whose annotation says so.
    var isOptIn = false

    static let annotation = "rbd-rest-api.io/ensure"
    /// Whoever has provisioned a volume dynamically puts his name there.
    static let provisioner = "pv.kubernetes.io/provisioned-by"
}

/// The image that a PersistentVolume needs.
struct VolumeDemand: Hashable, Sendable {
    var place: Place
    var image: String
    var sizeBytes: UInt64
    /// Nil where the volume names none.
    var features: [String]?
    /// As the volume calls what it says of the image.
    var fields: Fields
    /// What is odd about the volume, but no reason to refuse it.
    var warnings: [String] = []

    struct Fields: Hashable, Sendable {
        var pool: String
        var image: String
        var features: String
        /// What the namespace goes with.
        var cluster: String
        static let size = "spec.capacity.storage"
    }

    /// The kernel's client, which the plugin without CSI mounts with, knows no more for sure; nor is anything else needed by anybody.
    static let plainFeatures = ["layering"]
}

extension VolumeRules {
    /// What the volume needs.
    /// - Parameter fsid: the cluster's; asked for only where `clusters` leaves it to that.
    /// - Returns: nil where the volume is none of ours, or says that it wants nothing.
    /// - Throws: `Problem` with `invalid-persistent-volume` or `other-cluster`.
    func demand(of volume: PersistentVolume, fsid: () throws -> String) throws -> VolumeDemand? {
        let (csi, rbd) = (ours(volume.spec.csi), volume.spec.rbd)
        guard csi != nil || rbd != nil, try isWanted(volume) else { return nil }
        // A provisioner of the old plugin has made the image before it writes the volume.
        let annotations = volume.metadata.annotations ?? [:]
        guard csi != nil || annotations[Self.provisioner] == nil || annotations[Self.annotation] == "true" else {
            return nil
        }
        let size = try Self.size(of: volume)
        var demand: VolumeDemand
        if let csi {
            demand = try self.demand(of: csi, size, fsid)
        } else if let rbd {
            demand = try Self.demand(of: rbd, size)
        } else {
            return nil
        }
        // Ceph's C interface would take what comes before it for the name.
        for (field, name) in [(demand.fields.pool, demand.place.pool), (demand.fields.image, demand.image)] {
            if name.unicodeScalars.contains("\0") { throw Self.invalid(field, "it contains a zero byte") }
        }
        if csi != nil, volume.spec.persistentVolumeReclaimPolicy == "Delete" {
            demand.warnings.append(
                "spec.persistentVolumeReclaimPolicy is Delete, which the CSI driver can't do for a static volume; write Retain"
            )
        }
        return demand
    }

    private static func size(of volume: PersistentVolume) throws -> UInt64 {
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

    /// Other volumes of the driver are its own: it has made their images.
    private func ours(_ csi: PersistentVolume.CSI?) -> PersistentVolume.CSI? {
        guard let csi, drivers.contains(csi.driver), let text = csi.volumeAttributes?["staticVolume"],
            Self.truths.contains(text)
        else { return nil }
        return csi
    }

    /// What the driver takes for true (`strconv.ParseBool`).
    private static let truths: Set<String> = ["1", "t", "T", "true", "TRUE", "True"]

    private func isWanted(_ volume: PersistentVolume) throws -> Bool {
        switch volume.metadata.annotations?[Self.annotation] {
        case nil: return !isOptIn
        case "true": return true
        case "false": return false
        case let text?:
            throw Self.invalid(
                "metadata.annotations[\(Self.annotation)]",
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
            // Others' names for it are told to nobody who may not see the cluster.
            let isTold = Access.current.may(.read, .cluster)
            let names = isTold ? ", which is \(known.keys.sorted().joined(separator: " or "))" : ""
            throw Problem(
                .otherCluster,
                detail:
                    "spec.csi.volumeAttributes.clusterID: \"\(cluster.prefix(64))\" is another cluster than the one of this "
                    + "service" + names,
                field: "spec.csi.volumeAttributes.clusterID",
                hint:
                    "correct it, or add it to the service's setting kubernetes-cluster-ids, next to the other ids of this cluster"
            )
        }
        guard !csi.volumeHandle.isEmpty else { throw Self.invalid("spec.csi.volumeHandle", "it names no image") }
        return VolumeDemand(
            place: Place(pool: try attribute("pool", "name the pool of the image"), namespace: namespace),
            image: csi.volumeHandle,
            sizeBytes: size,
            features: csi.volumeAttributes?["imageFeatures"].flatMap(Self.features),
            fields: .init(
                pool: "spec.csi.volumeAttributes.pool",
                image: "spec.csi.volumeHandle",
                features: "spec.csi.volumeAttributes.imageFeatures",
                cluster: "spec.csi.volumeAttributes.clusterID"
            )
        )
    }

    private static func demand(of rbd: PersistentVolume.RBD, _ size: UInt64) throws -> VolumeDemand {
        guard !rbd.image.isEmpty else { throw invalid("spec.rbd.image", "it names no image") }
        return VolumeDemand(
            // As Kubernetes has it where nothing is said.
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

    /// - Returns: nil where the list names none: then nothing is said.
    private static func features(_ list: String) -> [String]? {
        let names = list.split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }.filter { !$0.isEmpty }
        guard !names.isEmpty else { return nil }
        return names.reduce(into: []) { unique, name in
            if !unique.contains(name) { unique.append(name) }
        }
    }

    /// - Throws: `Problem` with `pool-not-allowed`.
    func requireAllowed(_ demand: VolumeDemand) throws(Problem) {
        guard let pools, !pools.contains(demand.place.pool) else { return }
        // Whoever asks is told of no pool that he must not know.
        let known = pools.filter { Access.current.sees(.pool($0)) }.sorted()
        let choice = known.isEmpty ? "choose another" : "choose one of \(known.joined(separator: ", "))"
        throw Problem(
            .poolNotAllowed,
            detail:
                "\(demand.fields.pool): pool \"\(demand.place.pool)\" is not among those that volumes may have images in",
            field: demand.fields.pool,
            hint: "\(choice), or add it to the service's setting kubernetes-pools"
        )
    }

    static func invalid(_ field: String, _ reason: String, hint: String? = nil) -> Problem {
        Problem(.invalidPersistentVolume, detail: "\(field): \(reason)", field: field, hint: hint)
    }
}
