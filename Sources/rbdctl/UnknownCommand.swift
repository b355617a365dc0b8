// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// An error for a command that does not exist, with those that may be meant. The argument parser has no such
/// suggestions.
struct UnknownCommand: Equatable {
    /// The commands before the unknown word.
    var parents: [String]
    var word: String
    /// The words after it, without options.
    var rest: [String]

    /// Looks for an unknown command in arguments that the argument parser refuses.
    /// - Returns: nil if all commands exist. Then the arguments are wrong in another way.
    init?(in arguments: [String]) {
        var words = Self.words(arguments)[...]
        if words.first == "help" { words.removeFirst() }
        var tree = CommandTree.rbdctl
        parents = []
        while let first = words.first {
            guard let next = tree.subcommand(first) else { break }
            parents.append(next.name)
            tree = next
            words.removeFirst()
        }
        guard let unknown = words.first, !tree.subcommands.isEmpty else { return nil }
        word = unknown
        rest = Array(words.dropFirst())
    }

    /// Before the last subcommand, only the options of the connection are possible. All others come after it.
    private static let flags: Set<String> = ["--allow-plaintext-token", "--help", "-h", "--version"]

    /// The arguments without options and their values.
    private static func words(_ arguments: [String]) -> [String] {
        var words: [String] = []
        var isValue = false
        for argument in arguments {
            if isValue {
                isValue = false
            } else if argument.hasPrefix("-") {
                isValue = !flags.contains(argument) && !argument.contains("=")
            } else {
                words.append(argument)
            }
        }
        return words
    }

    var failure: Failure {
        let given = ["rbdctl"] + parents + [word]
        let parent = (["rbdctl"] + parents).joined(separator: " ")
        let meant = suggestions.map { (["rbdctl"] + $0).joined(separator: " ") }
        return Failure(
            .usage,
            "there is no command \"\(given.joined(separator: " "))\"",
            hint: meant.isEmpty
                ? "\(parent) --help lists the commands" : "did you mean \(meant.joined(separator: " or "))?"
        )
    }

    /// The paths of the commands that may be meant, the most likely ones only.
    var suggestions: [[String]] {
        let tree = parents.reduce(CommandTree.rbdctl) { tree, name in tree.subcommand(name) ?? tree }
        let corrected = Self.corrections(of: word, in: tree).map { name -> [String] in
            let path = parents + [name]
            return path + completion(after: path)
        }
        let found = [corrected, turned(in: tree), elsewhere].first { !$0.isEmpty } ?? []
        return Array(found.prefix(Self.most))
    }

    private static let most = 4

    /// The verb and its object in the wrong order, such as `create image`.
    private func turned(in tree: CommandTree) -> [[String]] {
        guard let next = rest.first else { return [] }
        return Self.names(of: next, in: tree).flatMap { object -> [[String]] in
            let verbs = tree.subcommand(object).map { Self.names(of: word, in: $0) } ?? []
            return verbs.map { parents + [object, $0] }
        }
    }

    /// The same word, or the same words, below another command. The shortest paths come first.
    private var elsewhere: [[String]] {
        let tails: [[String]] = rest.isEmpty ? [[word]] : [[word, rest[0]], [word]]
        for tail in tails {
            let paths = CommandTree.rbdctl.paths(endingWith: tail)
            guard let least = paths.map(\.count).min() else { continue }
            let nearest = paths.filter { $0.count == least }
            // So many, such as all those that are called "list", help nobody.
            return nearest.count <= Self.most ? nearest : []
        }
        return []
    }

    /// The commands that the rest of the words lead to, below a corrected one.
    private func completion(after path: [String]) -> [String] {
        var tree = path.reduce(CommandTree.rbdctl) { tree, name in tree.subcommand(name) ?? tree }
        var names: [String] = []
        for word in rest {
            guard let name = Self.names(of: word, in: tree).first, let next = tree.subcommand(name) else { break }
            names.append(name)
            tree = next
        }
        return names
    }

    /// The subcommand of that name, or those that may be meant.
    private static func names(of word: String, in tree: CommandTree) -> [String] {
        tree.subcommand(word).map { [$0.name] } ?? corrections(of: word, in: tree)
    }

    private static func corrections(of word: String, in tree: CommandTree) -> [String] {
        let synonyms = (Self.synonyms[word.lowercased()] ?? []).filter { tree.subcommand($0) != nil }
        if !synonyms.isEmpty { return synonyms }
        return Spelling.nearest(to: word, in: tree.subcommands.map(\.name))
    }

    /// Names that other programs use.
    private static let synonyms: [String: [String]] = [
        "img": ["image"], "images": ["image"], "volume": ["image"], "vol": ["image"], "disk": ["image"],
        "pools": ["pool"], "snaps": ["snapshot"], "snapshots": ["snapshot"], "groups": ["group"],
        "ns": ["namespace"], "namespaces": ["namespace"], "op": ["operation"], "ops": ["operation"],
        "operations": ["operation"], "job": ["operation"], "k8s": ["kubernetes"], "ctx": ["context"],
        "contexts": ["context"], "status": ["cluster", "get"], "locks": ["lock"], "watchers": ["watcher"],
        "features": ["feature"], "meta": ["metadata"], "image-meta": ["metadata"], "config": ["qos", "context"],
        "create": ["add", "set"], "delete": ["remove"], "rm": ["delete", "remove"],
        "show": ["get"], "info": ["get"], "describe": ["get"], "add": ["create", "set"], "new": ["create"],
        "make": ["create"],
        "remove": ["delete"], "del": ["delete"], "destroy": ["delete"], "mv": ["rename"], "move": ["rename"],
        "grow": ["resize"], "extend": ["resize"], "expand": ["resize"], "shrink": ["resize"], "revert": ["rollback"],
        "undelete": ["restore"], "stop": ["cancel"], "abort": ["cancel"], "use-context": ["context"],
    ]
}

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
