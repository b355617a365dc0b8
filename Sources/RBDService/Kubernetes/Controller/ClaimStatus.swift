// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Kubernetes

/// The changes of a claim's status while its volume grows: merge patches, as external-resizer leaves the status.
enum ClaimStatus {
    /// The volume begins to grow.
    /// - Parameters:
    ///   - capacity: the volume's capacity, a quantity.
    ///   - imageBytes: the current size of the image. A claim can't have more than that: its node has not yet grown the
    ///     file system, and only does so if the claim says less than the volume.
    static func beginning(
        _ claim: PersistentVolumeClaim,
        to capacity: String,
        imageBytes: UInt64,
        at time: KubernetesTime
    ) -> Patch {
        var status = growing(to: capacity, .controllerInProgress)
        if WatchedClaim(claim).capacityBytes ?? 0 > imageBytes {
            status[object: "capacity"] = ["storage": .string("\(imageBytes)")]
        }
        return patch(claim, status, Condition(WatchedClaim.resizing, since: time))
    }

    /// The volume has grown, and the node is to grow the file system.
    static func leftToNode(_ claim: PersistentVolumeClaim, to capacity: String, at time: KubernetesTime) -> Patch {
        let condition = Condition(
            WatchedClaim.fileSystemPending,
            since: time,
            message: "The image has grown. The node grows the file system when a pod uses the volume."
        )
        return patch(claim, growing(to: capacity, .nodePending), condition)
    }

    /// The claim has all of the volume.
    static func finished(_ claim: PersistentVolumeClaim, at capacity: String) -> Patch {
        let status: JSONObject = [
            "capacity": ["storage": .string(capacity)], "allocatedResourceStatuses": ["storage": .null],
        ]
        return patch(claim, status, nil)
    }

    private static func growing(to capacity: String, _ growth: WatchedClaim.Growth) -> JSONObject {
        [
            "allocatedResources": ["storage": .string(capacity)],
            "allocatedResourceStatuses": ["storage": .string(growth.text)],
        ]
    }

    /// A merge patch replaces a whole list, so it has the conditions of others as they are. The resource version makes
    /// sure that they are still so.
    private static func patch(_ claim: PersistentVolumeClaim, _ status: JSONObject, _ condition: Condition?) -> Patch {
        let others = claim.conditions.filter { !WatchedClaim.growthConditions.contains($0.type) }
        let conditions = others + [condition].compactMap { $0 }
        var status = status
        status["conditions"] = .array(conditions.map { JSONValue.object($0.json) })
        return .merge([
            "metadata": ["resourceVersion": .string(claim.metadata.resourceVersion)], "status": .object(status),
        ])
    }
}
