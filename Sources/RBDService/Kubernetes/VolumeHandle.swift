// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// `spec.csi.volumeHandle`. For a static volume it is the name of the image.
enum VolumeHandle {
    /// Composed handles have 128 bytes at most (CSI's limit for identifiers).
    private static let maximumBytes = 128

    /// Whether it is a handle that the CSI driver composes for the volumes that it creates: the version of the
    /// encoding, the length of the cluster's id, that id, the pool's id and the UUID of the volume.
    static func isComposed(_ handle: String) -> Bool {
        guard handle.utf8.count <= maximumBytes else { return false }
        let composed =
            #/
            [0-9A-Fa-f]{4} - [0-9A-Fa-f]{4} - .+ - [0-9A-Fa-f]{16} -
            [0-9A-Fa-f]{8} (?: - [0-9A-Fa-f]{4} ){3} - [0-9A-Fa-f]{12}
            /#
        return handle.wholeMatch(of: composed) != nil
    }

    /// The driver uses a static volume's handle as the name of its image. So it would not find the data of the volume
    /// that the handle is from.
    /// - Throws: `Problem` with `invalid-persistent-volume` for a composed handle.
    static func requireImageName(_ handle: String) throws(Problem) {
        guard isComposed(handle) else { return }
        throw VolumeRules.invalid(
            "spec.csi.volumeHandle",
            "it is a handle that the CSI driver has composed, and not the name of an image",
            hint: "remove staticVolume, so that the driver finds the volume's image; or write the name of the image"
        )
    }
}
