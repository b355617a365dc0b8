// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

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
