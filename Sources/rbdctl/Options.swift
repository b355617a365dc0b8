// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import FoundationEssentials
internal import RBDAPI

/// Where the service is and how long to wait for it.
struct ConnectionOptions: ParsableArguments {
    static let environmentVariable = "RBDCTL_SERVER"
    static let defaultServer = "http://127.0.0.1:8080"

    @Option(
        help: ArgumentHelp(
            "The service's address. (default: $\(environmentVariable) or \(defaultServer))",
            valueName: "url"
        )
    )
    var server: String?

    static let tokenVariable = "RBDCTL_TOKEN"

    @Option(
        help: ArgumentHelp(
            "A file that holds the token to show to the service. (default: $\(tokenVariable))",
            valueName: "file"
        )
    )
    var tokenFile: String?

    static let authoritiesVariable = "RBDCTL_CA_FILE"

    @Option(
        help: ArgumentHelp(
            "Certificates to trust instead of this machine's own, in PEM. (default: $\(authoritiesVariable))",
            valueName: "file"
        )
    )
    var caFile: String?

    @Option(help: ArgumentHelp("How long to wait for each answer.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout must be from 1 to 86400 seconds") }
        _ = try address()
        _ = try token()
        _ = try authorities()
    }

    /// - Returns: the file of the certificates to trust; nil for this machine's own.
    func authorities(environment: (String) -> String? = Console.environment) throws -> String? {
        guard let file = caFile ?? environment(Self.authoritiesVariable), !file.isEmpty else { return nil }
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw ValidationError(
                "\(caFile == nil ? Self.authoritiesVariable : "--ca-file"): \"\(file)\" can't be read"
            )
        }
        return file
    }

    /// - Returns: nil where there is none.
    func token(environment: (String) -> String? = Console.environment) throws -> String? {
        guard let tokenFile else { return try Self.token(environment(Self.tokenVariable), from: Self.tokenVariable) }
        guard let text = try? String(contentsOfFile: tokenFile, encoding: .utf8) else {
            throw ValidationError("--token-file: \"\(tokenFile)\" can't be read")
        }
        guard let token = try Self.token(text, from: "--token-file") else {
            throw ValidationError("--token-file: \"\(tokenFile)\" is empty")
        }
        return token
    }

    private static func token(_ text: String?, from source: String) throws -> String? {
        let words = (text ?? "").split(whereSeparator: \.isWhitespace)
        guard words.count <= 1, words.allSatisfy({ $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }) else {
            throw ValidationError("\(source): a token is one word of ASCII")
        }
        return words.first.map(String.init)
    }

    func address(environment: (String) -> String? = Console.environment) throws -> ServerAddress {
        if let server { return try Self.address(server, from: "--server") }
        if let server = environment(Self.environmentVariable), !server.isEmpty {
            return try Self.address(server, from: Self.environmentVariable)
        }
        return try Self.address(Self.defaultServer, from: "the default")
    }

    private static func address(_ text: String, from source: String) throws -> ServerAddress {
        do {
            return try ServerAddress(parsing: text)
        } catch {
            throw ValidationError("\(source): \(error.reason)")
        }
    }

    func withClient<Result: Sendable>(_ body: (APIClient) async throws -> Result) async throws -> Result {
        try await Transport.withTransport(
            to: address(),
            token: token(),
            authorities: authorities(),
            timeout: .seconds(timeout)
        ) { transport in
            try await body(APIClient(transport: transport))
        }
    }
}

struct OutputOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "How to write the result; name is one bare name per line.")
    var output = OutputFormat.table
}

/// Of commands that create: what scripts want to go on with is the name.
struct CreatedOutputOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "How to write what was created; name is its bare name.")
    var output = OutputFormat.name
}

/// Of commands that change something.
struct DryRunOptions: ParsableArguments {
    @Flag(help: "Show what would be done, and change nothing.")
    var dryRun = false

    var query: (name: String, value: String?) { ("dryRun", dryRun ? "true" : nil) }
}

/// The readers of arguments that the argument parser does not know.
enum Read {
    @Sendable static func size(_ text: String) throws -> ByteCount {
        try ByteCount(parsing: text)
    }

    @Sendable static func imageSpec(_ text: String) throws -> ImageSpec {
        guard let spec = ImageSpec(parsing: text) else {
            throw ValidationError("an image is written pool/image, pool/namespace/image, or image for the pool rbd")
        }
        return spec
    }

    @Sendable static func snapshotSpec(_ text: String) throws -> SnapshotSpec {
        guard let spec = SnapshotSpec(parsing: text) else {
            throw ValidationError("a snapshot is written pool/image@snapshot or pool/namespace/image@snapshot")
        }
        return spec
    }

    @Sendable static func namespaceSpec(_ text: String) throws -> ImageFolder {
        guard let folder = ImageFolder(parsing: text), !folder.namespace.isEmpty else {
            throw ValidationError("a namespace is written pool/namespace")
        }
        return folder
    }

    @Sendable static func poolName(_ text: String) throws -> String {
        guard !text.isEmpty else { throw ValidationError("a pool's name is not empty") }
        return text
    }

    @Sendable static func imageFolder(_ text: String) throws -> ImageFolder {
        guard let folder = ImageFolder(parsing: text) else {
            throw ValidationError("write a pool, or pool/namespace")
        }
        return folder
    }
}

/// What holds images: a pool, or one namespace of it.
struct ImageFolder: Hashable, Sendable {
    var pool: String
    /// Empty for the pool's default namespace.
    var namespace = ""

    init?(parsing text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !parts.contains(""), parts.count <= 2 else { return nil }
        pool = parts[0]
        if parts.count == 2 { namespace = parts[1] }
    }
}

extension ImageFolder {
    static let `default` = ImageFolder(pool: ImageSpec.defaultPool)

    private init(pool: String) {
        self.pool = pool
    }
}
