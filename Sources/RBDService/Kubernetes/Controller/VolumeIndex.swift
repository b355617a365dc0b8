// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Kubernetes
import Naming
import Synchronization

/// The volumes by the images that they name, to find those that share an image.
///
/// It has volumes of all drivers. A volume may name this cluster in a way that is not configured here. So a volume
/// whose cluster or namespace is not known counts as one that has the image.
final class VolumeIndex: Sendable {
    private struct Name: Hashable, Sendable {
        var pool: String
        var image: String
    }

    private let rules: VolumeRules
    /// The namespaces of RBD by the names of the volumes; nil for an unknown namespace.
    private let volumes = Mutex<[Name: [String: String?]]>([:])

    init(rules: VolumeRules) {
        self.rules = rules
    }

    /// - Returns: the names of other volumes that may have the image of the changed volume.
    @discardableResult
    func note(_ change: ObjectChange<StoredVolume>) -> [String] {
        switch change {
        case .added(let volume):
            add(volume)
            return []
        case .modified(let old, let new):
            // The source of a volume can't be changed, but its deletion ends the wait of others.
            if Self.name(of: old) != Self.name(of: new) {
                remove(old)
                add(new)
            }
            return new.metadata.deletionTimestamp == nil ? [] : names(sharing: new)
        case .deleted(let volume):
            let others = names(sharing: volume)
            remove(volume)
            return others
        }
    }

    /// The names of other volumes that may have an image.
    func volumes(of image: ImageSpec, except name: String) -> [String] {
        let key = Name(pool: image.place.pool, image: image.image)
        return volumes.withLock { volumes in
            (volumes[key] ?? [:]).filter { entry in
                entry.key != name && (entry.value == nil || entry.value == image.place.namespace)
            }.keys.sorted()
        }
    }

    private func names(sharing volume: StoredVolume) -> [String] {
        guard let key = Self.name(of: volume) else { return [] }
        return volumes.withLock { $0[key].map { Array($0.keys) } ?? [] }.filter { $0 != volume.metadata.name }
    }

    private func add(_ volume: StoredVolume) {
        guard let key = Self.name(of: volume) else { return }
        let (name, namespace) = (volume.metadata.name, self.namespace(of: volume))
        volumes.withLock { _ = $0[key, default: [:]].updateValue(namespace, forKey: name) }
    }

    private func remove(_ volume: StoredVolume) {
        guard let key = Self.name(of: volume) else { return }
        let name = volume.metadata.name
        volumes.withLock { volumes in
            _ = volumes[key]?.removeValue(forKey: name)
            if volumes[key]?.isEmpty ?? false { volumes[key] = nil }
        }
    }

    private func namespace(of volume: StoredVolume) -> String? {
        guard let cluster = volume.csi?.volumeAttributes["clusterID"] else { return nil }
        return rules.clusters?[cluster]
    }

    private static func name(of volume: StoredVolume) -> Name? {
        if let csi = volume.csi {
            let attributes = csi.volumeAttributes
            guard let pool = attributes["pool"] else { return nil }
            // Volumes that the driver has provisioned have a composed handle, and this attribute. Old releases of the
            // driver did not write the attribute.
            let image =
                attributes["imageName"]
                ?? VolumeHandle(parsing: csi.volumeHandle)?.imageName(prefix: attributes["volumeNamePrefix"])
            return Name(pool: pool, image: image ?? csi.volumeHandle)
        }
        guard let rbd = volume.rbd, let image = rbd[string: "image"] else { return nil }
        return Name(pool: rbd[string: "pool"] ?? "rbd", image: image)
    }
}
