// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RBDService

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes the tokens by which callers are known.",
        subcommands: [New.self]
    )

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token and shows it, this once.",
            discussion: """
                What the service keeps is no more than the token's digest. To change a token, make another for the same \
                name, hand it out, and take the old one's lines out of the file: both are good meanwhile.
                """
        )

        @Option(help: "Who will be known by it, as the log has it.")
        var name: String

        @Option(
            help: ArgumentHelp(
                "What it may be used for, such as read,create:rbd/pvc-*, or all:* for everything; can be given several times. "
                    + "Without it, another token of a name that the file has is good for the same.",
                valueName: "VERBS:WHERE"
            )
        )
        var scope: [String] = []

        @Option(
            help: ArgumentHelp("For how long it is good, such as 90d; for ever unless given.", valueName: "DURATION")
        )
        var lifetime: String?

        @Option(
            help: ArgumentHelp(
                "The token file to add it to; it is made where there is none. Unless given, the lines to add are written to "
                    + "standard error.",
                valueName: "FILE"
            )
        )
        var addTo: String?

        func run() throws {
            let token = AccessToken()
            do {
                let entry = try TokenEntry(identity: name, scopes: scope, token: token, lifetime: lifetime)
                if let addTo {
                    try entry.add(to: addTo)
                } else {
                    guard !scope.isEmpty else { throw TokenEntry.noScope(name) }
                    Daemon.writeError("identities:\n\(entry.lines)")
                }
            } catch {
                throw ValidationError("\(error)")
            }
            print(token.text)
        }
    }
}
