// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension VolumeService {
    /// Warns if the capacity of a volume is raised above the size of its image. Kubernetes accepts that, but the CSI
    /// driver does not enlarge the image of a static volume. Nothing is changed, and no error denies the change.
    func warnings(onChangeOf old: PersistentVolume, to new: PersistentVolume) async -> [String] {
        // The controller enlarges it in a moment.
        if rules.hasController, new.spec.csi != nil { return [] }
        guard let size = try? VolumeRules.size(of: new), size > ((try? VolumeRules.size(of: old)) ?? 0),
            let demand = try? rules.demand(of: new, fsid: { try images.images.connection.cluster().fsid }),
            (try? rules.requireAllowed(demand)) != nil
        else { return [] }
        let spec = demand.place.image(demand.image).description
        let needed = ByteCount(demand.sizeBytes)
        do {
            guard let image = try await images.images.existing(demand.image, in: demand.place),
                image.sizeBytes < demand.sizeBytes
            else { return [] }
            return [
                "\(VolumeDemand.Fields.size) is now \(needed), but image \(spec) has only "
                    + "\(ByteCount(image.sizeBytes)), and nothing enlarges it; run rbdctl image resize \(spec) \(needed)"
            ]
        } catch {
            if let error = error as? CephError { RequestNotes.current?.set(error) }
            return [
                "\(VolumeDemand.Fields.size) is now \(needed), and Ceph did not say whether image \(spec) is as large; "
                    + "compare them with rbdctl image get \(spec)"
            ]
        }
    }
}
