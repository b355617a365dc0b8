// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import FoundationEssentials

struct ContextSet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Create or change a context.",
        discussion: """
            Options that are left out stay as they are; a new context needs --server. The environment is ignored. The \
            context stores the paths of files, not their contents. Prints the context's name. The current context does \
            not change: see context use.
            """
    )

    @Argument(help: "The context.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Read a token from standard input and store it in the contexts file.")
    var tokenStdin = false

    func validate() throws {
        guard ContextsFile.isName(name) else { throw ValidationError(ContextsFile.nameRule(name)) }
        guard !tokenStdin || connection.tokenFile == nil else {
            throw ValidationError("--token-stdin and --token-file exclude each other: a context has one token")
        }
        guard connection.context == nil else {
            throw ValidationError("--context is not for this command: the context to set is its argument")
        }
        guard !connection.allowPlaintextToken else {
            throw ValidationError("--allow-plaintext-token is for the commands that send the token")
        }
    }

    func run() throws {
        var file = try ContextsFile()
        guard let server = connection.server ?? file.contexts[name]?.server else {
            throw Failure(.usage, "the context \"\(name)\" does not exist: a new one needs --server")
        }
        var context = file.contexts[name] ?? Context(server: server)
        context.server = server
        if let path = connection.caFile { context.caFile = Self.absolute(path) }
        if let path = connection.clientCertificate { context.clientCertificate = Self.absolute(path) }
        if let path = connection.clientKey { context.clientKey = Self.absolute(path) }
        guard (context.clientCertificate == nil) == (context.clientKey == nil) else {
            throw Failure(.usage, "a client certificate needs its key: set both --client-certificate and --client-key")
        }
        if let path = connection.tokenFile { (context.tokenFile, context.token) = (Self.absolute(path), nil) }
        if tokenStdin {
            guard let token = try ConnectionOptions.token(readLine(), from: "--token-stdin") else {
                throw Failure(.usage, "--token-stdin: there is no token on standard input")
            }
            (context.tokenFile, context.token) = (nil, token)
        }
        file.set(name, to: context)
        try file.write()
        try Console.output.write(name + "\n")
    }

    /// Commands may later run in other directories.
    private static func absolute(_ path: String) -> String {
        path.isEmpty || path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }
}
