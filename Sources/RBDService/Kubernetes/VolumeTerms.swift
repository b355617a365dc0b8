// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

/// What Ceph does not know of a volume, checked: how Kubernetes and ceph-csi name things, and how the volume is used.
struct VolumeTerms: Hashable, Sendable {
    var clusterID: String
    var driver: String
    /// Empty for none.
    var storageClass: String
    var nodeStageSecret: PersistentVolumeObject.SecretReference?
    var controllerExpandSecret: PersistentVolumeObject.SecretReference?
    /// Nil for the driver's default.
    var fsType: String?
    var volumeMode: String
    var accessModes: [String]
    /// Whether the service only cares for static volumes that ask for it (`kubernetes-opt-in`).
    var isOptIn: Bool
    /// Whether a controller grows static volumes, and moves their images to the trash.
    var hasController: Bool

    private static let volumeModes = ["Filesystem", "Block"]
    private static let accessModes = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]
    private static let usualDriver = "rbd.csi.ceph.com"

    /// - Parameters:
    ///   - place: of the image.
    ///   - fsid: the cluster's fsid. It is only evaluated if no other ids are configured.
    /// - Throws: `Problem` with `invalid-persistent-volume` or `other-cluster`.
    init(_ request: AdoptImageRequest, _ rules: VolumeRules, in place: Place, fsid: () throws -> String) throws {
        func word(_ field: String, _ text: String?, isValid: (String) -> Bool) throws(Problem) -> String? {
            guard let text, !text.isEmpty else { return nil }
            guard isValid(text) else {
                throw VolumeRules.invalid(field, "\"\(text.prefix(64))\" is not a valid name in Kubernetes")
            }
            return text
        }
        (isOptIn, hasController) = (rules.isOptIn, rules.hasController)
        clusterID = try rules.clusterID(request.clusterID, of: place, fsid: fsid)
        let named = try word("driver", request.driver, isValid: KubernetesName.isSubdomain)
        guard let driver = named ?? Self.driver(of: rules) else {
            throw VolumeRules.invalid("driver", "it is missing", hint: "name the CSI driver that is to have the volume")
        }
        self.driver = driver
        storageClass = try word("storageClass", request.storageClass, isValid: KubernetesName.isSubdomain) ?? ""
        fsType = try word("fsType", request.fsType, isValid: KubernetesName.isLabel)
        let secret = try Self.secret("nodeStageSecret", request.nodeStageSecret)
        nodeStageSecret = secret
        controllerExpandSecret = try Self.secret("controllerExpandSecret", request.controllerExpandSecret) ?? secret
        volumeMode = request.volumeMode ?? Self.volumeModes[0]
        guard Self.volumeModes.contains(volumeMode) else {
            throw VolumeRules.invalid("volumeMode", "it must be \(Self.volumeModes.joined(separator: " or "))")
        }
        accessModes = request.accessModes.flatMap { $0.isEmpty ? nil : $0 } ?? [Self.accessModes[0]]
        for mode in accessModes where !Self.accessModes.contains(mode) {
            throw VolumeRules.invalid(
                "accessModes",
                "\"\(mode.prefix(64))\" is not one of \(Self.accessModes.joined(separator: ", "))"
            )
        }
        // Two nodes with one file system would destroy it. ceph-csi refuses to stage such a volume.
        guard volumeMode == "Block" || !accessModes.contains("ReadWriteMany") else {
            throw VolumeRules.invalid("accessModes", "ReadWriteMany needs the volumeMode Block")
        }
    }

    /// The driver that the settings name. The end of names names none.
    private static func driver(of rules: VolumeRules) -> String? {
        let names = rules.drivers.filter { !$0.hasPrefix("*.") }
        if names.contains(usualDriver) { return usualDriver }
        return names.count == 1 ? names.first : nil
    }

    private static func secret(
        _ field: String,
        _ text: String?
    ) throws(Problem) -> PersistentVolumeObject.SecretReference? {
        guard let text, !text.isEmpty else { return nil }
        guard let parts = KubernetesName.pair(text) else {
            throw VolumeRules.invalid(field, "\"\(text.prefix(64))\" is not of the form namespace/name")
        }
        return .init(namespace: parts.namespace, name: parts.name)
    }
}

/// The forms of names in Kubernetes.
enum KubernetesName {
    /// The name of a namespace, as DNS labels are: at most 63 characters.
    static func isLabel(_ text: String) -> Bool {
        text.utf8.count <= 63 && isSubdomain(text) && !text.utf8.contains(UInt8(ascii: "."))
    }

    /// The names of most objects, as DNS subdomains are.
    static func isSubdomain(_ text: String) -> Bool {
        guard text.utf8.count <= 253 else { return false }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
            guard let first = part.first, let last = part.last else { return false }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && part.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// Reads `namespace/name`.
    static func pair(_ text: String) -> (namespace: String, name: String)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, isLabel(parts[0]), isSubdomain(parts[1]) else { return nil }
        return (parts[0], parts[1])
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}

extension VolumeRules {
    /// ceph-csi's name of this cluster for the images of a place. By this name, ceph-csi finds the namespace of RBD.
    /// - Parameters:
    ///   - wanted: nil for the only one that fits.
    ///   - fsid: the cluster's fsid. It is only evaluated if no other ids are configured.
    /// - Throws: `Problem` with `other-cluster`.
    func clusterID(_ wanted: String?, of place: Place, fsid: () throws -> String) throws -> String {
        let known = try clusters ?? [fsid(): ""]
        let fitting = known.filter { $0.value == place.namespace }.map(\.key).sorted()
        if let wanted, fitting.contains(wanted) { return wanted }
        if wanted == nil, fitting.count == 1 { return fitting[0] }
        // Only callers that may see the cluster may learn its other names.
        let isTold = Access.current.may(.read, .cluster) && !fitting.isEmpty
        let choice = isTold ? "name one of \(fitting.joined(separator: ", "))" : "name another one"
        let whose = place.namespace.isEmpty ? "this cluster" : "the namespace \"\(place)\""
        let entry = place.namespace.isEmpty ? "ID" : "ID/\(place.namespace)"
        throw Problem(
            .otherCluster,
            "clusterId",
            wanted.map { "\"\($0.prefix(64))\" is not a clusterID of \(whose)" }
                ?? "\(fitting.isEmpty ? "no clusterID is" : "several clusterIDs are") known for \(whose)",
            hint: "\(choice), or add it to the service's setting kubernetes-cluster-ids as \(entry)"
        )
    }

    /// - Throws: `Problem` with `pool-not-allowed`.
    func requireAllowed(pool: String) throws(Problem) {
        guard let pools, !pools.contains(pool) else { return }
        throw Problem(
            .poolNotAllowed,
            "pool",
            "pool \"\(pool)\" may not hold images of volumes",
            hint: "add it to the service's setting kubernetes-pools"
        )
    }
}
