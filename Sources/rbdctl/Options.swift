// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import FoundationEssentials
import Naming
internal import RBDAPI

struct OutputOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The format of the result; name prints one name per line.")
    var output = OutputFormat.table
}

/// The options of commands that create objects. Scripts continue with the name.
struct CreatedOutputOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The format of the result; name prints only the name of the new object.")
    var output = OutputFormat.name
}

/// The options of commands that change something.
struct DryRunOptions: ParsableArguments {
    @Flag(help: "Show the planned changes, and change nothing.")
    var dryRun = false

    var query: (name: String, value: String?) { ("dryRun", dryRun ? "true" : nil) }
}

/// The options of commands that accept an image's id.
struct ByIDOptions: ParsableArguments {
    @Flag(
        name: .customLong("by-id"),
        help:
            "The argument has the image's id in place of its name, such as rbd/5e3f1c2a. For names that can't be typed."
    )
    var byID = false
}

/// Parsers for arguments that the argument parser has no type for.
enum Read {
    /// - Throws: ValidationError with the rule if there is no value.
    static func checked<Value>(_ value: Value?, _ rule: String) throws -> Value {
        guard let value else { throw ValidationError(rule) }
        return value
    }

    @Sendable static func imageSpec(_ text: String) throws -> ImageSpec {
        try checked(
            ImageSpec(parsing: text),
            "write an image as pool/image, pool/namespace/image, or image for the pool rbd"
        )
    }

    @Sendable static func snapshotSpec(_ text: String) throws -> SnapshotSpec {
        try checked(
            SnapshotSpec(parsing: text),
            "write a snapshot as pool/image@snapshot or pool/namespace/image@snapshot"
        )
    }

    @Sendable static func namespaceSpec(_ text: String) throws -> Place {
        let place = Place(parsing: text).flatMap { $0.namespace.isEmpty ? nil : $0 }
        return try checked(place, "write a namespace as pool/namespace")
    }

    @Sendable static func size(_ text: String) throws -> ByteCount {
        try ByteCount(parsing: text)
    }

    @Sendable static func poolName(_ text: String) throws -> String {
        try checked(text.nonEmpty, "a pool's name must not be empty")
    }

    @Sendable static func place(_ text: String) throws -> Place {
        try checked(Place(parsing: text), "write pool or pool/namespace")
    }
}

extension Place {
    static let `default` = Place(pool: ImageSpec.defaultPool)
}
