// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// The results of the volumes that were tried, even if the run ended early.
struct VolumeRun: Sendable {
    let isDryRun: Bool
    private(set) var results: [VolumeResult] = []
    /// Whether the run was cancelled before all volumes were tried.
    private(set) var isInterrupted = false

    init(isDryRun: Bool) {
        self.isDryRun = isDryRun
    }

    /// Sends a request for each volume. A failure does not stop the others, but if there is no connection, no more
    /// requests are sent.
    /// - Returns: the error to throw at the end; nil if nothing failed.
    /// - Throws: CancellationError, and any error that is not a ``Failure``.
    mutating func ensure(
        _ manifests: [VolumeManifest],
        reportingTo errors: Console = .errors,
        _ ask: (VolumeManifest) async throws -> VolumeOutcome
    ) async throws -> ReportedFailures? {
        // Otherwise every volume would wait for the same connection until its own timeout.
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

    private static let interrupted = Failure(
        .outcomeUnknown,
        "interrupted; it is not known whether the image was created"
    )
}

/// The result of one manifest.
struct VolumeResult: Encodable, Sendable {
    /// The file and line of the manifest.
    var source: String
    var volume: String
    /// The service's outcome, or "failed".
    var outcome: String
    var dryRun: Bool
    var image: String?
    var sizeBytes: UInt64?
    var features: [String]?
    var warnings: [String]
    /// Why the volume has no image.
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

extension VolumeResult: PresentableRow {
    /// A volume without an image has no name that scripts could use.
    var bareName: String { image ?? "-" }

    static func header(detailed: Bool) -> [String] { ["VOLUME", "IMAGE", "SIZE", "OUTCOME", "NOTE"] }

    func cells(detailed: Bool) -> [String] {
        [
            volume, image ?? "", sizeBytes.map { "\(ByteCount($0))" } ?? "",
            dryRun && image != nil ? "would be \(outcome)" : outcome,
            problem ?? warnings.joined(separator: "; "),
        ]
    }
}
