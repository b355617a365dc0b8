// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Volumes that would be accepted, but could never be used, or only in a way that nobody wants.
extension VolumeRules {
    /// To attach a volume with this secret, the driver decodes the volume's handle. The handle of a static volume is
    /// the name of the image, which is not encoded.
    /// - Throws: `Problem` with `invalid-persistent-volume`.
    static func requireAttachable(_ csi: PersistentVolume.CSI) throws(Problem) {
        guard csi.controllerPublishSecretRef != nil else { return }
        throw invalid(
            "spec.csi.controllerPublishSecretRef",
            "with it, the CSI driver can't attach a static volume",
            hint: "leave it out; a static volume needs only nodeStageSecretRef"
        )
    }

    /// The driver uses a static volume's handle as the name of its image. So it would not find the data of the volume
    /// that the handle is from.
    /// - Throws: `Problem` with `invalid-persistent-volume` for a handle that the driver has composed.
    static func requireImageName(_ handle: String) throws(Problem) {
        guard VolumeHandle(parsing: handle) != nil else { return }
        throw invalid(
            "spec.csi.volumeHandle",
            "it is a handle that the CSI driver has composed, and not the name of an image",
            hint: "remove staticVolume, so that the driver finds the volume's image; or write the name of the image"
        )
    }

    /// Kubernetes does not tell two volumes of the same driver with the same handle apart: it refuses to attach one of
    /// them (Multi-Attach), or mounts the wrong image.
    ///
    /// A review has only one volume. So only code that knows the other volumes of the API server can call this.
    /// - Parameter others: the volumes that exist. A volume of the same name is the same volume.
    /// - Throws: `Problem` with `invalid-persistent-volume`.
    static func requireUniqueHandle(
        of volume: PersistentVolume,
        among others: some Sequence<PersistentVolume>
    ) throws(Problem) {
        guard let csi = volume.spec.csi else { return }
        let names = others.filter { other in
            guard let source = other.spec.csi else { return false }
            let isSame = source.driver == csi.driver && source.volumeHandle == csi.volumeHandle
            return isSame && (volume.name.isEmpty || other.name != volume.name)
        }.map(\.name)
        guard let name = names.min() else { return }
        throw invalid(
            "spec.csi.volumeHandle",
            "volume \"\(name)\" has the same driver and the same handle, and Kubernetes can't tell the two apart",
            hint: "use volume \"\(name)\", or write the name of another image"
        )
    }
}

extension VolumeDemand {
    /// Why the image must not be created; nil if it may. Layering can't be enabled later.
    var objectionToFeatures: Problem? {
        guard let features, !features.contains("layering"), !mayLackLayering else { return nil }
        let flaw = features.isEmpty ? "the list is empty" : "\"\(features.joined(separator: ","))\" lacks layering"
        return VolumeRules.invalid(
            fields.features,
            "\(flaw), and an image without layering can never be cloned",
            hint: "add layering, or leave imageFeatures out; to create such an image, annotate the volume with "
                + "\(VolumeRules.withoutLayering): \"true\""
        )
    }

    /// What to write instead of a pool in the form `pool/namespace`; nil if the pool is not in that form.
    var hintOnNamespaceInPool: String? {
        guard let slash = place.pool.firstIndex(of: "/") else { return nil }
        let (pool, namespace) = (place.pool[..<slash], place.pool[slash...].dropFirst())
        if !isCSI { return "write only \"\(pool)\": \(fields.cluster) can't name a namespace" }
        return
            "write only \"\(pool)\", and in \(fields.cluster) the ID that stands for the namespace \"\(namespace)\" in "
            + "the driver's configuration and in the service's setting kubernetes-cluster-ids"
    }
}
