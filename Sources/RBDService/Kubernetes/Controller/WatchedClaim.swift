// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Kubernetes

/// A PersistentVolumeClaim as the controller sees it.
struct WatchedClaim: Hashable, Sendable {
    var namespace: String
    var name: String
    var uid = ""
    var volume: String?
    /// What the claim asks for; nil if it says nothing that is a size.
    var requestBytes: UInt64?
    /// What the claim's user has; nil until the claim has got its volume.
    var capacityBytes: UInt64?
    /// What the volume grows to.
    var allocatedBytes: UInt64?
    /// `status.allocatedResourceStatuses.storage`; nil if the volume does not grow, and on API servers without it.
    var growth: Growth?
    /// The conditions about growth that are true.
    var conditions: Set<String> = []

    /// How far the growth is (`core/v1` ClaimResourceStatus).
    struct Growth: Hashable, Sendable {
        var text: String

        static let controllerInProgress = Growth(text: "ControllerResizeInProgress")
        static let controllerInfeasible = Growth(text: "ControllerResizeInfeasible")
        static let nodePending = Growth(text: "NodeResizePending")

        /// Whether it is the turn of a controller, such as the CSI driver's own resizer.
        var isOfController: Bool { text.hasPrefix("Controller") }
    }

    static let resizing = "Resizing"
    static let fileSystemPending = "FileSystemResizePending"
    /// The conditions that belong to growth. All others are left alone.
    static let growthConditions: Set<String> = [
        resizing, fileSystemPending, "ControllerResizeError", "NodeResizeError",
    ]
}

extension WatchedClaim {
    init(_ object: PersistentVolumeClaim) {
        let metadata = object.metadata
        self.init(
            namespace: metadata.namespace ?? "",
            name: metadata.name,
            uid: metadata.uid,
            volume: object.volumeName,
            requestBytes: Self.bytes(object.request),
            capacityBytes: Self.bytes(object.capacity),
            allocatedBytes: Self.bytes(object.allocatedCapacity),
            growth: object.allocatedStatus.flatMap { $0.isEmpty ? nil : Growth(text: $0) },
            conditions: Set(object.conditions.filter(\.isTrue).map(\.type)).intersection(Self.growthConditions)
        )
    }

    private static func bytes(_ quantity: String?) -> UInt64? {
        quantity.flatMap { try? Quantity(parsing: $0).bytes }
    }

    /// Whether this is the claim that a volume is bound to.
    func isBound(to volume: WatchedVolume) -> Bool {
        guard let reference = volume.claim, self.volume == volume.name else { return false }
        return reference.namespace == namespace && reference.name == name && reference.uid == uid
    }

    /// Whether the claim says that the volume grows to a size.
    /// - Parameter imageBytes: the size of the image.
    func saysGrowing(to bytes: UInt64, from imageBytes: UInt64) -> Bool {
        guard capacityBytes ?? 0 <= imageBytes else { return false }
        // API servers may drop one or both of the newer fields without a word. The condition alone says it then.
        guard let growth else { return allocatedBytes ?? bytes == bytes && conditions.contains(Self.resizing) }
        return growth == .controllerInProgress && allocatedBytes == bytes
    }

    /// Whether it is the node's turn to grow the file system.
    func isLeftToNode(_ bytes: UInt64) -> Bool {
        guard let growth else { return conditions.contains(Self.fileSystemPending) }
        // While a node is at work, or has failed, its kubelet decides what comes next.
        return growth == .nodePending ? allocatedBytes == bytes : !growth.isOfController
    }

    /// Whether the claim still speaks of a growth that is over.
    var hasLeftovers: Bool {
        guard let growth else { return !conditions.isEmpty }
        return growth.isOfController || growth == .nodePending
    }

    /// The part of an object that the controller keeps in memory.
    static func kept(_ object: PersistentVolumeClaim) -> PersistentVolumeClaim {
        let metadata = object.metadata.json.keeping(["namespace", "name", "uid", "resourceVersion"])
        var kept: JSONObject = ["metadata": .object(metadata)]
        guard object.volumeName != nil else { return PersistentVolumeClaim(json: kept) }
        var spec = object.spec.keeping(["volumeName"])
        spec[object: "resources"][object: "requests"] = object.spec[object: "resources"][object: "requests"]
        var status = object.status.keeping(["phase", "capacity", "allocatedResources", "allocatedResourceStatuses"])
        status[objects: "conditions"] = object.status[objects: "conditions"].map { $0.keeping(["type", "status"]) }
        kept["spec"] = .object(spec)
        kept["status"] = .object(status)
        return PersistentVolumeClaim(json: kept)
    }
}
