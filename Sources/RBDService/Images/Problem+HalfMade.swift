// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Images that are incomplete, because creating or removing them was interrupted.
extension Problem {
    static func beingRemoved(_ image: CephError.Resource, errno: CInt?) -> Problem {
        Problem(
            .imageIncomplete,
            detail: "\(image) is being removed, or its removal was interrupted",
            field: "image",
            errno: errno,
            hint: "DELETE it to have the rest removed"
        )
    }

    static func incomplete(_ image: CephError.Resource) -> Problem {
        Problem(
            .imageIncomplete,
            detail: "the name of \(image) is taken, but leads to no complete image: "
                + "another program is creating or removing it, or was interrupted",
            field: "image",
            hint: "repeat the request; what stays half-made is mended after twice the service's ceph-osd-timeout"
        )
    }
}
