// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import FoundationEssentials

struct ContextSet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Make a context, or change one.",
        discussion: """
            What is not named stays as it is; a new one needs --server. The environment is not asked. The paths of files are \
            kept, not what is in them. Prints the context's name. The current one stays the current one: see context use.
            """
    )

    @Argument(help: "The context.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Read a token from standard input and keep it in the contexts file.")
    var tokenStdin = false

    func validate() throws {
        guard ContextsFile.isName(name) else { throw ValidationError(ContextsFile.nameRule(name)) }
        guard !tokenStdin || connection.tokenFile == nil else {
            throw ValidationError("--token-stdin and --token-file: a context has one token")
        }
        guard connection.context == nil else { throw ValidationError("--context: the context to set is an argument") }
        guard !connection.allowPlaintextToken else {
            throw ValidationError("--allow-plaintext-token is for the commands that send the token")
        }
    }

    func run() throws {
        var file = try ContextsFile()
        guard let server = connection.server ?? file.contexts[name]?.server else {
            throw Failure(.usage, "there is no context \"\(name)\" yet: a new one needs --server")
        }
        var context = file.contexts[name] ?? Context(server: server)
        context.server = server
        if let path = connection.caFile { context.caFile = Self.absolute(path) }
        if let path = connection.clientCertificate { context.clientCertificate = Self.absolute(path) }
        if let path = connection.clientKey { context.clientKey = Self.absolute(path) }
        guard (context.clientCertificate == nil) == (context.clientKey == nil) else {
            throw Failure(.usage, "a client's certificate goes with its key: --client-certificate and --client-key")
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

    /// Commands are given in other folders too.
    private static func absolute(_ path: String) -> String {
        path.isEmpty || path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }
}
