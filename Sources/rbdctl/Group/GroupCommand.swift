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

struct GroupList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the groups of a pool or a namespace.",
        aliases: ["ls"]
    )

    @Argument(
        help: ArgumentHelp("The pool, or pool/namespace. (default: \(ImageSpec.defaultPool))", valueName: "pool"),
        transform: Read.place
    )
    var folder: Place?

    @Option(help: "Only groups whose names start with this text.")
    var prefix: String?

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.groups(in: folder ?? .default, prefix: prefix) }
    }
}

struct GroupGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a group with its images and snapshots."
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.show { try await $0.group(group) }
    }
}

struct GroupCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a group.",
        discussion: "Prints the group's spec."
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.createGroup(group, $1) }
    }
}

struct GroupRename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Rename a group.",
        discussion: "Prints the group's new spec."
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @Argument(help: "The new name, without a pool. The group stays in its pool and namespace.")
    var name: String

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.renameGroup(group, to: name, $1) }
    }
}

struct GroupDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete groups. Their images stay.",
        discussion: """
            Prints the spec of each deleted group. A group with snapshots is not deleted: delete the snapshots first. \
            If one group fails, the others are still deleted.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The groups: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var groups: [GroupSpec]

    @OptionGroup var options: DeletionOptions

    func run() async throws {
        try await options.delete(groups) { try await $0.deleteGroup($1, $2) }
    }
}

extension Read {
    @Sendable static func groupSpec(_ text: String) throws -> GroupSpec {
        try checked(
            GroupSpec(parsing: text),
            "write a group as pool/group, pool/namespace/group, or group for the pool rbd"
        )
    }

    @Sendable static func groupSnapshotSpec(_ text: String) throws -> GroupSnapshotSpec {
        try checked(
            GroupSnapshotSpec(parsing: text),
            "write a group snapshot as pool/group@snapshot or pool/namespace/group@snapshot"
        )
    }
}
