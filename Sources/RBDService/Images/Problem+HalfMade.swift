// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Images that are incomplete, because creating or removing them was interrupted.
extension Problem {
    static func beingRemoved(_ image: CephError.Resource, errno: CInt?) -> Problem {
        let remedy: Remedy? = if case .image(let spec) = image { .delete(spec) } else { nil }
        return Problem(
            .imageIncomplete,
            detail: "\(image) is being removed, or its removal was interrupted",
            field: "image",
            errno: errno,
            hint: "delete it to remove the rest",
            remedy: remedy
        )
    }

    static func incomplete(_ image: CephError.Resource) -> Problem {
        Problem(
            .imageIncomplete,
            detail: "the name of \(image) is taken, but leads to no complete image: "
                + "another program is creating or removing it, or was interrupted",
            field: "image",
            hint: "try again; incomplete images are repaired after twice the service's ceph-osd-timeout"
        )
    }
}
