// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct NamespaceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "namespace",
        abstract: "Namespaces, which divide a pool.",
        subcommands: [NamespaceList.self, NamespaceGet.self, NamespaceCreate.self, NamespaceDelete.self]
    )
}
