// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming

extension CephError.Resource {
    var snapshot: SnapshotSpec? {
        if case .snapshot(let spec) = self { spec } else { nil }
    }

    /// The group, or the group of the snapshot.
    var group: GroupSpec? {
        switch self {
        case .group(let spec): spec
        case .groupSnapshot(let spec): spec.group
        default: nil
        }
    }

    var groupSnapshot: GroupSnapshotSpec? {
        if case .groupSnapshot(let spec) = self { spec } else { nil }
    }

    /// The name as `ceph` and `rbd` take it on the command line.
    var commandLineName: String {
        switch self {
        case .cluster: ""
        case .pool(let pool): pool
        case .namespace(let place): place.description
        case .image(let spec): spec.description
        case .snapshot(let spec): spec.description
        case .group(let spec): spec.description
        case .groupSnapshot(let spec): spec.description
        }
    }
}
