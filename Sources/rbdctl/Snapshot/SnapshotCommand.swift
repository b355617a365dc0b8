// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

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
