// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct OperationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operation",
        abstract: "Work that takes longer than a request.",
        subcommands: [OperationList.self, OperationGet.self, OperationCancel.self]
    )
}
