// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// What became of the volumes that were tried: also where something ended it before all were.
struct VolumeRun: Sendable {
    let isDryRun: Bool
    private(set) var results: [VolumeResult] = []
    /// Whether it was cancelled, and not all volumes were tried.
    private(set) var isInterrupted = false

    init(isDryRun: Bool) {
        self.isDryRun = isDryRun
    }

    /// Asks for each volume, whatever becomes of the others; where there is no connection, for no more of them.
    /// - Returns: what to throw at the end; nil where nothing failed.
    /// - Throws: CancellationError, and what is no ``Failure``.
    mutating func ensure(
        _ manifests: [VolumeManifest],
        reportingTo errors: Console = .errors,
        _ ask: (VolumeManifest) async throws -> VolumeOutcome
    ) async throws -> ReportedFailures? {
        // Every volume would wait for the same connection, each for as long as one may take.
        var unreachable: Failure?
        return try await ForEach(manifests).run(reportingTo: errors) { manifest in
            isInterrupted = Task.isCancelled
            try Task.checkCancellation()
            do {
                if let unreachable { throw unreachable }
                results.append(VolumeResult(manifest, try await ask(manifest)))
            } catch {
                isInterrupted = Task.isCancelled
                let failure = isInterrupted ? Self.interrupted : error as? Failure
                if let failure { results.append(VolumeResult(manifest, failure, isDryRun: isDryRun)) }
                try Task.checkCancellation()
                if let failure, failure.isUnreachable { unreachable = failure }
                throw error
            }
        }
    }

    private static let interrupted = Failure(.outcomeUnknown, "interrupted; whether the image was made is not known")
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
