// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct KubernetesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes",
        abstract: "Images of Kubernetes volumes.",
        subcommands: [
            KubernetesPrehook.self, KubernetesAdopt.self, KubernetesRelease.self, KubernetesManifest.self,
        ]
    )
}

struct KubernetesPrehook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prehook",
        abstract: "Ensure that the images of PersistentVolumes exist.",
        discussion: """
            Reads manifests as kubectl does: YAML or JSON, several documents, lists. Two kinds of volumes get an image \
            of their capacity if it does not exist: static volumes of the Ceph CSI driver \
            (volumeAttributes.staticVolume: "true"), and volumes of spec.rbd. An image that exists and is large enough \
            is used as it is. Other volumes and other kinds are skipped.

            The service's admission webhook does the same. Use this command where there is no webhook: in init \
            containers, Helm hooks, Argo CD PreSync hooks, CI. It may be repeated. It reads all manifests before it \
            sends the first request.

            Exits with 0 if every volume has its image, else with the exit code of the first failure.
            """
    )

    @Option(
        name: [.customShort("f"), .customLong("filename")],
        help: ArgumentHelp(
            "A manifest, a directory of manifests (.yaml, .yml, .json), or - for standard input. May be repeated.",
            valueName: "file"
        )
    )
    var files: [String]

    @Flag(name: [.customShort("R"), .customLong("recursive")], help: "Also read subdirectories.")
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
        // The results are printed however the run ended. A failure to print them does not hide that.
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
