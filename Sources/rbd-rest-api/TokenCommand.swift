// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RBDService

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes tokens for callers.",
        subcommands: [New.self]
    )

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token and prints it. It is never shown again.",
            discussion: """
                The service stores only the token's digest. To replace a token, make another one with the same name, \
                hand it out, and then remove the old one's lines from the file. Until then both are valid.
                """
        )

        @Option(help: "The name of the identity, as in the log.")
        var name: String

        @Option(
            help: ArgumentHelp(
                "A scope that the token allows, such as read,create:rbd/pvc-*, or all:* for everything. Can be given "
                    + "several times. Without it, the token gets the scopes that the name already has in the file.",
                valueName: "VERBS:WHERE"
            )
        )
        var scope: [String] = []

        @Option(
            help: ArgumentHelp("How long the token is valid, such as 90d. Unset: for ever.", valueName: "DURATION")
        )
        var lifetime: String?

        @Option(
            help: ArgumentHelp(
                "The token file to add the token to. It is created if it does not exist. Unset: the lines to add are "
                    + "written to standard error.",
                valueName: "FILE"
            )
        )
        var addTo: String?

        func run() throws {
            // A closed pipe must not end the process before it has tidied up.
            signal(SIGPIPE, SIG_IGN)
            let token = AccessToken()
            do {
                let entry = try TokenEntry(identity: name, scopes: scope, token: token, lifetime: lifetime)
                if let addTo {
                    try entry.add(to: addTo) { () throws(ConfigurationError) in try token.show(on: STDOUT_FILENO) }
                } else {
                    guard !scope.isEmpty else { throw TokenEntry.noScope(name) }
                    try token.show(on: STDOUT_FILENO)
                    Daemon.writeError("identities:\n\(entry.lines)")
                }
            } catch {
                throw ValidationError("\(error)")
            }
        }
    }
}
