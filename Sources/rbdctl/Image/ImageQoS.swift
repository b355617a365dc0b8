// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageQoSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qos",
        abstract: "Limits on reads and writes of an image.",
        discussion: "librbd enforces the limits, in QEMU and rbd-nbd. The kernel client (krbd) ignores them.",
        subcommands: [ImageQoSGet.self, ImageQoSSet.self, ImageQoSReset.self]
    )

    /// For the help of the commands that take limits.
    static let limits = """
        The limits are iopsLimit, bpsLimit, readIopsLimit, writeIopsLimit, readBpsLimit and writeBpsLimit. Each has a \
        Burst and BurstSeconds, such as iopsBurst.
        """
}

struct ImageQoSGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show the limits that are set on an image.",
        discussion: "For all others, the limits of the pool or the cluster apply. By default there are none."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { client in
            let values = try await client.image(spec).qos?.values ?? [:]
            return QoSLimit.allCases.compactMap { limit in
                values[limit].map { Pair(key: limit.rawValue, value: String($0)) }
            }
        }
    }
}

struct ImageQoSSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set limits of an image.",
        discussion:
            "\(ImageQoSCommand.limits) Bytes may be written as 100MiB; 0 means unlimited. Prints the image's spec."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(
        help: ArgumentHelp("The limits to set, such as iopsLimit=1000.", valueName: "limit=n"),
        transform: Read.limit
    )
    var limits: [Limit]

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.qos = ImageQoSChanges(values: Dictionary(limits.map { ($0.limit, .some($0.value)) }) { $1 })
        try await options.change(spec, changes)
    }
}

struct ImageQoSReset: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Remove limits of an image.",
        discussion: "\(ImageQoSCommand.limits) If none is named, all are removed. Prints the image's spec."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The limits.", transform: Read.limitName)
    var limits: [QoSLimit] = []

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        let named = limits.isEmpty ? QoSLimit.allCases : limits
        changes.qos = ImageQoSChanges(values: Dictionary(named.map { ($0, nil) }) { $1 })
        try await options.change(spec, changes)
    }
}

/// `iopsLimit=1000`.
struct Limit: Hashable, Sendable {
    var limit: QoSLimit
    var value: ByteCount
}

extension Read {
    @Sendable static func limitName(_ text: String) throws -> QoSLimit {
        try checked(QoSLimit(rawValue: text), "\"\(text)\" is not a limit; \(ImageQoSCommand.limits)")
    }

    @Sendable static func limit(_ text: String) throws -> Limit {
        let pair = try pair(text)
        let limit = try limitName(pair.key)
        if limit.isBytes { return Limit(limit: limit, value: try ByteCount(parsing: pair.value)) }
        guard let number = UInt64(pair.value) else {
            throw ValidationError("\(pair.key) must be a whole number, not \"\(pair.value)\"")
        }
        return Limit(limit: limit, value: ByteCount(number))
    }
}
