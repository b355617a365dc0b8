// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Snapshots of images.",
        subcommands: [
            SnapshotList.self, SnapshotGet.self, SnapshotCreate.self, SnapshotRename.self, SnapshotDelete.self,
            SnapshotRollback.self, SnapshotProtect.self, SnapshotUnprotect.self, SnapshotLimitCommand.self,
        ],
        aliases: ["snap"]
    )
}

struct SnapshotList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the snapshots of an image, oldest first.",
        discussion: """
            Snapshots of groups, and snapshots that were deleted while clones needed them, are listed with their kind.
            """,
        aliases: ["ls"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Flag(help: "Show the data that each snapshot holds and the previous one does not.")
    var usage = false

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.snapshots(of: spec, withUsage: usage) }
    }
}

struct SnapshotGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show a snapshot.")

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @Flag(help: "Show the data that the snapshot holds and the previous one does not.")
    var usage = false

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.show { try await $0.snapshot(spec, withUsage: usage) }
    }
}

struct SnapshotCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Take a snapshot.",
        discussion: "Prints its spec."
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.createSnapshot(spec, $1) }
    }
}

struct SnapshotRename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Rename a snapshot.",
        discussion: "Prints its new spec."
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @Argument(help: "The new name, without the image.")
    var name: String

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.changeSnapshot(spec, SnapshotChanges(name: name), $1) }
    }
}

struct SnapshotProtect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protect",
        abstract: "Protect a snapshot against deletion.",
        discussion: "Prints its spec. Only clones of the old format 1 need this."
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.changeSnapshot(spec, SnapshotChanges(protected: true), $1) }
    }
}

struct SnapshotUnprotect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unprotect",
        abstract: "Remove the protection of a snapshot.",
        discussion: "Prints its spec. Refused if clones of the old format 1 need the protection."
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.changeSnapshot(spec, SnapshotChanges(protected: false), $1) }
    }
}

struct SnapshotDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete snapshots.",
        discussion: """
            Prints the spec of each deleted snapshot. If one fails, the others are still deleted. A snapshot that is \
            protected or has clones is not deleted.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The snapshots: pool/image@snapshot.", transform: Read.snapshotSpec)
    var specs: [SnapshotSpec]

    @Flag(help: "Delete a snapshot even if clones need it. It then stays in the trash until the last of them is gone.")
    var evenIfCloned = false

    @Flag(help: "Do not fail if a snapshot does not exist. Its image must exist.")
    var ignoreMissing = false

    @OptionGroup var options: DeletionOptions

    func run() async throws {
        try await options.delete(specs, ignoring: ignoreMissing ? .snapshotNotFound : nil) {
            try await $0.deleteSnapshot($1, evenIfCloned: evenIfCloned, $2)
        }
    }
}
