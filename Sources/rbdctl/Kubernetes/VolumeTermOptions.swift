// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

/// The options with what Ceph does not know of a volume.
struct VolumeTermOptions: ParsableArguments {
    @Option(
        name: .customLong("cluster-id"),
        help: "The driver's name of the cluster. (default: the only one that fits the image's namespace)"
    )
    var clusterID: String?

    @Option(help: "The name of the CSI driver. (default: the service's, rbd.csi.ceph.com)")
    var driver: String?

    @Option(help: "The StorageClass. Claims without one can't grow.")
    var storageClass: String?

    @Option(
        help: ArgumentHelp("The Secret with the Ceph user of nodes.", valueName: "namespace/name")
    )
    var nodeStageSecret: String?

    @Option(
        help: ArgumentHelp(
            "The Secret with the Ceph user of the driver's controller. (default: that of nodes)",
            valueName: "namespace/name"
        )
    )
    var controllerExpandSecret: String?

    @Option(help: "The type of the image's file system. (default: the driver's)")
    var fsType: String?

    @Option(help: "Filesystem or Block. (default: Filesystem)")
    var volumeMode: String?

    @Option(
        name: .customLong("access-mode"),
        help:
            "ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod. May be repeated. (default: ReadWriteOnce)"
    )
    var accessModes: [String] = []

    @Option(help: "The --instanceid that the driver runs with. (default: default)")
    var instance: String?

    /// Adds the options to a request.
    func set(_ request: inout AdoptImageRequest) {
        (request.clusterID, request.driver, request.storageClass) = (clusterID, driver, storageClass)
        request.nodeStageSecret = nodeStageSecret
        request.controllerExpandSecret = controllerExpandSecret
        (request.fsType, request.volumeMode, request.instance) = (fsType, volumeMode, instance)
        request.accessModes = accessModes.isEmpty ? nil : accessModes
    }

    var query: Transport.Query {
        [
            ("clusterId", clusterID), ("driver", driver), ("storageClass", storageClass),
            ("nodeStageSecret", nodeStageSecret), ("controllerExpandSecret", controllerExpandSecret),
            ("fsType", fsType), ("volumeMode", volumeMode), ("instance", instance),
            ("accessModes", accessModes.joined(separator: ",").nonEmpty),
        ]
    }
}

/// A claim as kubectl writes it in its messages.
struct ClaimName: Hashable, Sendable {
    var namespace: String
    var name: String
}

extension Read {
    @Sendable static func claim(_ text: String) throws -> ClaimName {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let claim = parts.count == 2 && !parts.contains("") ? ClaimName(namespace: parts[0], name: parts[1]) : nil
        return try checked(claim, "write a claim as namespace/name")
    }
}
