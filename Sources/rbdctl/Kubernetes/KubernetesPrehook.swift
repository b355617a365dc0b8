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
        let interruption = Interruption()
        let (run, ending) = await interruption.cancelling { await ensure(manifests) }
        // What was made is told however it ended; that it can't be told does not hide how.
        let writing = Result {
            if run.results.isEmpty, format.output == .table || !ending.isSuccess { return }
            try Console.output.write(format.output.render(run.results))
        }
        if let signal = interruption.signal, run.isInterrupted {
            Console.errors.report(
                "rbdctl: interrupted; \(manifests.count - run.results.count) of \(manifests.count) volumes were not tried\n"
            )
            Console.leave(bySignal: signal)
        }
        if let failures = try ending.get() { throw failures }
        try writing.get()
    }

    private func ensure(_ manifests: [VolumeManifest]) async -> (VolumeRun, Result<ReportedFailures?, any Error>) {
        var run = VolumeRun(isDryRun: dryRun.dryRun)
        do {
            let failures = try await connection.withClient { client in
                try await run.ensure(manifests) { try await client.ensureVolume($0, dryRun) }
            }
            return (run, .success(failures))
        } catch {
            return (run, .failure(error))
        }
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        if case .success = self { true } else { false }
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
