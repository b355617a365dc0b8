// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Groups of images, with snapshots of all images at the same moment.",
        subcommands: [
            GroupList.self, GroupGet.self, GroupCreate.self, GroupRename.self, GroupDelete.self,
            GroupImageCommand.self, GroupSnapshotCommand.self,
        ]
    )
}

struct GroupImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image",
        abstract: "The images of a group.",
        subcommands: [GroupImageList.self, GroupImageAdd.self, GroupImageRemove.self]
    )
}

struct GroupSnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "The snapshots of a group.",
        subcommands: [
            GroupSnapshotList.self, GroupSnapshotCreate.self, GroupSnapshotRollback.self, GroupSnapshotDelete.self,
        ],
        aliases: ["snap"]
    )
}

extension Read {
    @Sendable static func groupSpec(_ text: String) throws -> GroupSpec {
        guard let spec = GroupSpec(parsing: text) else {
            throw ValidationError("write a group as pool/group, pool/namespace/group, or group for the pool rbd")
        }
        return spec
    }

    @Sendable static func groupSnapshotSpec(_ text: String) throws -> GroupSnapshotSpec {
        guard let spec = GroupSnapshotSpec(parsing: text) else {
            throw ValidationError("write a group snapshot as pool/group@snapshot or pool/namespace/group@snapshot")
        }
        return spec
    }
}
