// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct KubernetesPrehook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prehook",
        abstract: "Make sure that the images of PersistentVolumes exist.",
        discussion: """
            Reads manifests as kubectl does: YAML or JSON, several documents, lists. Static volumes of the Ceph CSI driver \
            (volumeAttributes.staticVolume: "true") and volumes of spec.rbd get an image of their capacity where there is none; one that \
            is there and large enough is used as it is. Other kinds and other volumes are passed over.

            It does what the service's admission webhook does, for where there is no webhook: init containers, Helm hooks, Argo CD \
            PreSync, CI. It may be repeated. Every manifest is read before anything is asked of the service.

            Ends with 0 where every volume has its image; else with the exit code of the first failure.
            """
    )

    @Option(
        name: [.customShort("f"), .customLong("filename")],
        help: ArgumentHelp(
            "A manifest, a directory of manifests (.yaml, .yml, .json), or - for standard input; may be repeated.",
            valueName: "file"
        )
    )
    var files: [String]

    @Flag(name: [.customShort("R"), .customLong("recursive")], help: "Read the directories in a directory, too.")
    var isRecursive = false

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let manifests = try files.flatMap { try VolumeManifest.read($0, isRecursive: isRecursive) }
        if manifests.isEmpty {
            Console.errors.report("rbdctl: no PersistentVolume in \(files.joined(separator: ", "))\n")
        }
        let (results, failures) = try await connection.withClient { client in
            var results: [VolumeResult] = []
            let failures = try await ForEach(manifests).run { manifest in
                do {
                    results.append(VolumeResult(manifest, try await client.ensureVolume(manifest, dryRun)))
                } catch let failure as Failure {
                    results.append(VolumeResult(manifest, failure, isDryRun: dryRun.dryRun))
                    throw failure
                }
            }
            return (results, failures)
        }
        if !results.isEmpty || format.output != .table { try Console.output.write(format.output.render(results)) }
        if let failures { throw failures }
    }
}

extension APIClient {
    fileprivate func ensureVolume(_ manifest: VolumeManifest, _ dryRun: DryRunOptions) async throws -> VolumeOutcome {
        try await transport.reply(
            .post,
            ["kubernetes", "v1", "persistentvolumes"],
            query: [dryRun.query],
            json: manifest.json
        ).decoded()
    }
}

/// What became of one manifest.
struct VolumeResult: Encodable, Sendable {
    /// Where the manifest was found.
    var source: String
    var volume: String
    /// As the service tells it, or "failed".
    var outcome: String
    var dryRun: Bool
    var image: String?
    var sizeBytes: UInt64?
    var features: [String]?
    var warnings: [String]
    /// Why there is no image.
    var problem: String?

    init(_ manifest: VolumeManifest, _ outcome: VolumeOutcome) {
        (source, volume) = (manifest.source, manifest.name)
        (self.outcome, dryRun) = (outcome.outcome.rawValue, outcome.dryRun)
        (image, sizeBytes, features) = (outcome.image, outcome.sizeBytes, outcome.features)
        warnings = outcome.warnings
    }

    init(_ manifest: VolumeManifest, _ failure: Failure, isDryRun: Bool) {
        (source, volume, outcome, dryRun) = (manifest.source, manifest.name, "failed", isDryRun)
        (warnings, problem) = ([], failure.detail)
    }
}

extension VolumeResult: Presentable {
    /// Of a volume that has none, nothing can be done with a name.
    var bareName: String { image ?? "-" }

    static func table(of items: [VolumeResult], detailed: Bool) -> [Table] {
        [
            Table(
                header: ["VOLUME", "IMAGE", "SIZE", "OUTCOME", "NOTE"],
                rows: items.map { item in
                    [
                        item.volume, item.image ?? "", item.sizeBytes.map { "\(ByteCount($0))" } ?? "",
                        item.dryRun && item.image != nil ? "would be \(item.outcome)" : item.outcome,
                        item.problem ?? item.warnings.joined(separator: "; "),
                    ]
                }
            )
        ]
    }
}
