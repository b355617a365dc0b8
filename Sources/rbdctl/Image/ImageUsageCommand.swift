// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageUsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Show how much data images hold.",
        discussion: """
            USED is the data that was written and not discarded, without snapshots and the parent. A "~" before it \
            means that whole objects were counted: the number is an upper bound. USED is empty if counting would take \
            too long.
            """,
        aliases: ["du"]
    )

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var specs: [ImageSpec] = []

    @Option(
        help: ArgumentHelp("All images of this pool, or pool/namespace.", valueName: "pool"),
        transform: Read.place
    )
    var all: Place?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func validate() throws {
        guard specs.isEmpty != (all == nil) else {
            throw ValidationError("name at least one image, or a pool with --all")
        }
    }

    func run() async throws {
        let (images, failures) = try await connection.withClient { client in
            if let all { return (try await client.images(in: all, fields: "usage"), ReportedFailures?.none) }
            var images: [Image] = []
            let failures = try await ForEach(specs).run { images.append(try await client.image($0, fields: "usage")) }
            return (images, failures)
        }
        if let failures, images.isEmpty { throw failures }
        if format.output == .table {
            try Console.output.write(Self.table(of: images).rendered())
        } else {
            try Console.output.write(format.output.render(images))
        }
        if let failures { throw failures }
    }

    static func table(of images: [Image]) -> Table {
        Table(
            header: ["SPEC", "PROVISIONED", "USED"],
            rows: images.map { [$0.spec, $0.sizeBytes.map { ByteCount($0).rounded } ?? "", $0.usedText ?? ""] }
        )
    }
}
