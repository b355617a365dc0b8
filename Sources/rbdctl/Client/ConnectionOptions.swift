// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import FoundationEssentials
internal import RBDAPI

/// The address of the service, the credentials, and the timeout.
struct ConnectionOptions: ParsableArguments {
    static let environmentVariable = "RBDCTL_SERVER"
    static let defaultServer = "http://127.0.0.1:8080"

    @Option(
        help: ArgumentHelp(
            "The service's address. (default: $\(environmentVariable), the current context's, or \(defaultServer))",
            valueName: "url"
        )
    )
    var server: String?

    @Option(
        help: ArgumentHelp(
            "The context to use instead of the environment and the current context. See rbdctl help context.",
            valueName: "name"
        )
    )
    var context: String?

    static let tokenVariable = "RBDCTL_TOKEN"

    @Option(
        help: ArgumentHelp(
            "A file with the token for the service. (default: $\(tokenVariable), or the current context's)",
            valueName: "file"
        )
    )
    var tokenFile: String?

    static let authoritiesVariable = "RBDCTL_CA_FILE"

    @Option(
        help: ArgumentHelp(
            "Certificates to trust instead of this machine's own, in PEM. (default: $\(authoritiesVariable), or the current context's)",
            valueName: "file"
        )
    )
    var caFile: String?

    static let certificateVariable = "RBDCTL_CLIENT_CERTIFICATE"

    @Option(
        help: ArgumentHelp(
            "The client certificate for the service, in PEM. (default: $\(certificateVariable), or the current context's)",
            valueName: "file"
        )
    )
    var clientCertificate: String?

    static let keyVariable = "RBDCTL_CLIENT_KEY"

    @Option(
        help: ArgumentHelp(
            "The key of the client certificate, in PEM, without a passphrase. (default: $\(keyVariable), or the current context's)",
            valueName: "file"
        )
    )
    var clientKey: String?

    @Flag(help: "Send the token to another machine even over plain HTTP, where anyone on the network path can read it.")
    var allowPlaintextToken = false

    @Option(help: ArgumentHelp("How long to wait for each answer.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout must be from 1 to 86400 seconds") }
        // A context is checked when it is used, so that commands can repair an invalid one.
        _ = try settings(nil, environment: context == nil ? Console.environment : { _ in nil })
    }

    func withClient<Result: Sendable>(_ body: (APIClient) async throws -> Result) async throws -> Result {
        let settings = try settings(chosenContext())
        if settings.token != nil, !settings.server.isPrivate, !allowPlaintextToken {
            throw Failure(
                .usage,
                "the token would be sent to \(settings.server) over plain HTTP, where anyone on the network path can read it",
                hint: "use the service's https address, or send the token anyway with --allow-plaintext-token"
            )
        }
        return try await Transport.withTransport(settings, timeout: .seconds(timeout)) { transport in
            try await body(APIClient(transport: transport))
        }
    }
}

/// The settings of a connection.
struct ConnectionSettings: Hashable, Sendable {
    var server: ServerAddress
    var token: String?
    /// The file of the certificates to trust; nil for those of this machine.
    var authorities: String?
    /// The files of the client's own certificate and key.
    var certificate: (file: String, key: String)? {
        certificateFile.flatMap { file in keyFile.map { (file, $0) } }
    }
    fileprivate(set) var certificateFile: String?
    fileprivate(set) var keyFile: String?
}

extension ConnectionOptions {
    /// The context that the command uses.
    struct ChosenContext {
        var name: String
        var context: Context
        /// Whether the command names the context. Then the environment is ignored. Otherwise the environment comes
        /// first.
        var isNamed: Bool
    }

    /// - Returns: the context that the command names, else the current one; nil if there is neither.
    func chosenContext(environment: (String) -> String? = Console.environment) throws -> ChosenContext? {
        if let name = context {
            let context = try ContextsFile(environment: environment).context(named: name)
            return ChosenContext(name: name, context: context, isNamed: true)
        }
        // The credentials of a context are never sent to another server.
        guard server == nil, environment(Self.environmentVariable)?.nonEmpty == nil,
            let path = ContextsFile.path(environment: environment)
        else { return nil }
        let file = try ContextsFile(path: path)
        guard let name = file.current else { return nil }
        return ChosenContext(name: name, context: try file.context(named: name), isNamed: false)
    }

    /// The options come first, then the environment, then the context. If the command names a context, the environment
    /// is ignored.
    func settings(
        _ chosen: ChosenContext?,
        environment: (String) -> String? = Console.environment
    ) throws -> ConnectionSettings {
        let origin = chosen.map { "the context \($0.name)" } ?? ""
        func value(
            _ option: String?,
            _ name: String,
            _ variable: String,
            _ kept: String?
        ) -> (text: String, from: String)? {
            if let option { return option.isEmpty ? nil : (option, name) }
            if chosen?.isNamed != true, let text = environment(variable)?.nonEmpty { return (text, variable) }
            return kept.map { ($0, origin) }
        }
        func file(_ value: (text: String, from: String)?) throws -> String? {
            guard let value else { return nil }
            guard FileManager.default.isReadableFile(atPath: value.text) else {
                throw ValidationError("\(value.from): \"\(value.text)\" can't be read")
            }
            return value.text
        }
        let kept = chosen?.context
        let address = value(server, "--server", Self.environmentVariable, kept?.server)
        var settings = ConnectionSettings(
            server: try Self.address(server ?? address?.text ?? Self.defaultServer, from: address?.from ?? "--server")
        )
        settings.authorities = try file(value(caFile, "--ca-file", Self.authoritiesVariable, kept?.caFile))
        settings.certificateFile = try file(
            value(clientCertificate, "--client-certificate", Self.certificateVariable, kept?.clientCertificate)
        )
        settings.keyFile = try file(value(clientKey, "--client-key", Self.keyVariable, kept?.clientKey))
        guard (settings.certificateFile == nil) == (settings.keyFile == nil) else {
            throw ValidationError(
                "a client certificate needs its key: set both --client-certificate (\(Self.certificateVariable)) and "
                    + "--client-key (\(Self.keyVariable))"
            )
        }
        settings.token = try token(chosen, environment: environment)
        return settings
    }

    private func token(_ chosen: ChosenContext?, environment: (String) -> String?) throws -> String? {
        if let tokenFile { return try Self.token(inFile: tokenFile, from: "--token-file") }
        if chosen?.isNamed != true,
            let token = try Self.token(environment(Self.tokenVariable), from: Self.tokenVariable)
        {
            return token
        }
        guard let chosen else { return nil }
        let origin = "the context \(chosen.name)"
        if let token = chosen.context.token { return try Self.token(token, from: origin) }
        return try chosen.context.tokenFile.map { try Self.token(inFile: $0, from: origin) }
    }

    private static func token(inFile path: String, from source: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ValidationError("\(source): \"\(path)\" can't be read")
        }
        guard let token = try token(text, from: source) else {
            throw ValidationError("\(source): \"\(path)\" is empty")
        }
        return token
    }

    /// - Returns: nil if there is none.
    static func token(_ text: String?, from source: String) throws -> String? {
        let words = (text ?? "").split(whereSeparator: \.isWhitespace)
        guard words.count <= 1, words.allSatisfy({ $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }) else {
            throw ValidationError("\(source): a token must be one word of ASCII characters")
        }
        return words.first.map(String.init)
    }

    private static func address(_ text: String, from source: String) throws -> ServerAddress {
        do {
            return try ServerAddress(parsing: text)
        } catch {
            throw ValidationError("\(source): \(error.reason)")
        }
    }
}
