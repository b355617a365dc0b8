// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

/// Fields that the CSI driver ignores for a static volume, or can't do without. They are no reason to refuse the
/// volume. An API server may cut a warning (``AdmissionWarning``), so each says first what is wrong.
extension VolumeRules {
    /// - Parameter place: where the volume's image is.
    static func warnings(on csi: PersistentVolume.CSI, in place: Place) -> [String] {
        let attributes = csi.volumeAttributes ?? [:]
        var warnings: [String] = []
        if csi.nodeStageSecretRef?.name?.isEmpty ?? true {
            warnings.append(
                "spec.csi.nodeStageSecretRef is missing, and without it the CSI driver can't map the image; "
                    + "write the name and the namespace of the secret with the driver's Ceph user"
            )
        }
        if let namespace = attributes["radosNamespace"], !namespace.isEmpty, namespace != place.namespace {
            let own = place.namespace.isEmpty ? "the default namespace" : "\"\(place.namespace.prefix(32))\""
            warnings.append(
                "spec.csi.volumeAttributes.radosNamespace is ignored: clusterID determines the namespace, here \(own); "
                    + "leave it out, and write the clusterID that stands for \"\(namespace.prefix(32))\" in the driver's "
                    + "configuration"
            )
        }
        if let options = attributes["mkfsOptions"], !options.isEmpty {
            warnings.append(
                "spec.csi.volumeAttributes.mkfsOptions is ignored for a static volume; leave it out. If the file system "
                    + "needs options, create it before a pod uses the volume"
            )
        }
        return warnings
    }

    /// Warns of a volume that is skipped, but probably was meant to get an image. The driver takes all words but
    /// ``truths`` for false, and then can't decode the handle.
    func warnings(onSkipped volume: PersistentVolume) -> [String] {
        guard let csi = volume.spec.csi, let text = csi.volumeAttributes?["staticVolume"],
            !Self.falsehoods.contains(text), (try? isWanted(volume)) == true
        else { return [] }
        switch (includes(driver: csi.driver), Self.truths.contains(text)) {
        case (true, false):
            return [
                "spec.csi.volumeAttributes.staticVolume is \"\(text.prefix(32))\", which the CSI driver takes for false, so no "
                    + "image was created; write \"true\" for a static volume, otherwise leave it out"
            ]
        case (false, true) where Self.isOfCeph(driver: csi.driver):
            return [
                "no image is made for this static volume: the service's setting kubernetes-drivers does not name "
                    + csi.driver
            ]
        default: return []
        }
    }
}

extension VolumeDemand {
    /// Warns if the image's data is not in the pool that the volume names.
    /// - Parameters:
    ///   - actual: the image's data pool; nil if the data is in the image's own pool.
    ///   - isNew: whether the image was created for the volume.
    func dataPoolWarnings(_ actual: String?, isNew: Bool) -> [String] {
        guard let dataPool, dataPool != actual ?? place.pool else { return [] }
        let field = "spec.csi.volumeAttributes.dataPool"
        let wanted = "\"\(dataPool.prefix(32))\""
        if isNew {
            return [
                "\(field) is \(wanted), but the service creates images without a data pool; leave it out, or create the "
                    + "image before the volume, with rbdctl image create --data-pool"
            ]
        }
        let advice = actual.map { "write \"\($0)\", or leave it out" } ?? "leave it out"
        return [
            "\(field) is \(wanted), but the data of image \(place.image(image)) is in pool \"\(actual ?? place.pool)\"; \(advice)"
        ]
    }
}
