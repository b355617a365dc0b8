// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

@testable import RBDService

/// What tests of the controller's decisions begin with.
enum PlannedVolume {
    static let gibibyte: UInt64 = 1 << 30
    static let small = ImageFact.there(id: "a1", sizeBytes: gibibyte)
    static let large = ImageFact.there(id: "a1", sizeBytes: 2 * gibibyte)
    static let finalizer = WatchedVolume.finalizer

    /// A volume of 2 GiB that is bound.
    static func situation(
        _ image: ImageFact? = large,
        _ change: (inout VolumeSituation) -> Void = { _ in }
    ) -> VolumeSituation {
        let demand = VolumeDemand(
            place: Place(pool: "rbd"),
            image: "data",
            sizeBytes: 2 * gibibyte,
            features: nil,
            fields: .init(pool: "pool", image: "image", features: "features", cluster: "cluster")
        )
        let volume = WatchedVolume(
            name: "pv",
            uid: "u1",
            phase: "Bound",
            claim: .init(namespace: "default", name: "data", uid: "c1"),
            imageID: "a1",
            need: .image(demand)
        )
        var situation = VolumeSituation(volume: volume, image: image)
        change(&situation)
        return situation
    }

    static func claim(
        _ capacity: UInt64,
        allocated: UInt64? = nil,
        _ growth: String? = nil,
        _ conditions: Set<String> = []
    ) -> WatchedClaim {
        WatchedClaim(
            namespace: "default",
            name: "data",
            uid: "c1",
            volume: "pv",
            requestBytes: gibibyte,
            capacityBytes: capacity * gibibyte,
            allocatedBytes: allocated.map { $0 * gibibyte },
            growth: growth.map { .init(text: $0) },
            conditions: conditions
        )
    }

    static func trash(_ situation: inout VolumeSituation) {
        situation.volume.reclaim = .trash
        situation.volume.finalizers = ["kubernetes.io/pv-protection", finalizer]
    }

    /// A volume that is to go to the trash, is deleted, and has lost its claim.
    static func ending(
        _ image: ImageFact? = large,
        _ change: (inout VolumeSituation) -> Void = { _ in }
    ) -> VolumeSituation {
        situation(image) { situation in
            trash(&situation)
            situation.volume.isBeingDeleted = true
            situation.volume.phase = "Released"
            change(&situation)
        }
    }
}
