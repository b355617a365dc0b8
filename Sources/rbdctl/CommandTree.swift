// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// A command with its subcommands, by their names.
struct CommandTree {
    var name: String
    var aliases: [String]
    var subcommands: [CommandTree]

    init(_ command: any ParsableCommand.Type) {
        let configuration = command.configuration
        name = configuration.commandName ?? ""
        aliases = configuration.aliases
        subcommands = configuration.subcommands.map { CommandTree($0) }
    }

    static let rbdctl = CommandTree(Rbdctl.self)

    /// - Parameter word: a name or an alias.
    func subcommand(_ word: String) -> CommandTree? {
        subcommands.first { $0.name == word || $0.aliases.contains(word) }
    }

    /// The names of the commands that the words lead to, as far as they lead.
    func path(_ words: [String]) -> [String] {
        guard let first = words.first, let next = subcommand(first) else { return [] }
        return [next.name] + next.path(Array(words.dropFirst()))
    }

    /// The paths, below this command, that end with the words.
    func paths(endingWith words: [String]) -> [[String]] {
        let here = path(words)
        let found = here.count == words.count ? [here] : []
        return found + subcommands.flatMap { next in next.paths(endingWith: words).map { [next.name] + $0 } }
    }
}
