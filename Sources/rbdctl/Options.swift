// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import FoundationEssentials
import Naming
internal import RBDAPI

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

/// Of commands that can be given an image's id.
struct ByIDOptions: ParsableArguments {
    @Flag(
        name: .customLong("by-id"),
        help: "The image's id is given in place of its name, as in rbd/5e3f1c2a: for names that can't be typed."
    )
    var byID = false
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
