// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct ContextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context",
        abstract: "Named services with their credentials.",
        discussion: """
            The contexts file is the one that $\(ContextsFile.pathVariable) names, else \
            $XDG_CONFIG_HOME/rbdctl/contexts.yaml or ~/.config/rbdctl/contexts.yaml. Only its owner can read it \
            (0600). Every command uses the current context for settings that neither its options nor the environment \
            give. If these name a server, the current context is ignored completely, because its credentials are for \
            its own server.
            """,
        subcommands: [
            ContextList.self, ContextShow.self, ContextUse.self, ContextSet.self, ContextDelete.self,
        ]
    )
}

/// A context without its secret.
struct ContextView: PresentableRow {
    var name: String
    var current: Bool
    var server: String
    var caFile: String?
    var clientCertificate: String?
    var clientKey: String?
    var tokenFile: String?
    /// Whether the contexts file holds a token.
    var hasToken: Bool

    init(_ name: String, in file: ContextsFile) throws {
        let context = try file.context(named: name)
        self.name = name
        current = file.current == name
        server = context.server
        caFile = context.caFile
        clientCertificate = context.clientCertificate
        clientKey = context.clientKey
        tokenFile = context.tokenFile
        hasToken = context.token != nil
    }

    var bareName: String { name }

    static func header(detailed: Bool) -> [String] {
        ["NAME", "CURRENT", "SERVER", "CERTIFICATE", "TOKEN"] + (detailed ? ["CA-FILE", "CLIENT-KEY"] : [])
    }

    func cells(detailed: Bool) -> [String] {
        let token = hasToken ? "(kept)" : tokenFile ?? ""
        return [name, current ? "yes" : "", server, clientCertificate ?? "", token]
            + (detailed ? [caFile ?? "", clientKey ?? ""] : [])
    }
}

struct ContextList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the contexts.",
        aliases: ["ls"]
    )

    @OptionGroup var format: OutputOptions

    func run() throws {
        let file = try ContextsFile()
        let views = try file.contexts.keys.sorted().map { try ContextView($0, in: file) }
        try Console.output.write(format.output.render(views))
    }
}

struct ContextShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a context.",
        discussion: "A stored token is not shown."
    )

    @Argument(help: "The context. (default: the current one)")
    var name: String?

    @OptionGroup var format: OutputOptions

    func run() throws {
        let file = try ContextsFile()
        guard let name = name ?? file.current else {
            throw Failure(.usage, "there is no current context", hint: "choose one with rbdctl context use NAME")
        }
        try Console.output.write(format.output.render(ContextView(name, in: file)))
    }
}

struct ContextUse: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "use",
        abstract: "Make a context the current one.",
        discussion: "Prints its name."
    )

    @Argument(help: "The context.")
    var name: String

    func run() throws {
        var file = try ContextsFile()
        try file.use(name)
        try file.write()
        try Console.output.write(name + "\n")
    }
}

struct ContextDelete: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a context.",
        discussion: "The files that the context refers to stay. Prints its name.",
        aliases: ["rm"]
    )

    @Argument(help: "The context.")
    var name: String

    func run() throws {
        var file = try ContextsFile()
        try file.delete(name)
        try file.write()
        try Console.output.write(name + "\n")
    }
}
