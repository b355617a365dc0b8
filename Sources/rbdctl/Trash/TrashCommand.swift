// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct TrashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trash",
        abstract: "Deleted images, which can be restored for a limited time.",
        discussion: """
            Write an image in the trash with its id in place of its name: pool/id, pool/namespace/id. Several images \
            in the trash may have had the same name.
            """,
        subcommands: [TrashList.self, TrashGet.self, TrashRestore.self, TrashPurge.self, TrashPurgeExpired.self]
    )
}
