// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The result for a PersistentVolume's image: the response to `POST /kubernetes/v1/persistentvolumes`.
public struct VolumeOutcome: Codable, Hashable, Sendable {
    public enum Outcome: String, Codable, CaseIterable, Sendable {
        /// The image did not exist, and was created.
        case created
        /// The image existed, and is large enough.
        case adopted
        /// The volume has no image here, or says that it needs none.
        case skipped
    }

    /// The PersistentVolume's name; empty if it has none yet.
    public var volume: String
    public var outcome: Outcome
    /// Whether this was a dry run: nothing was changed.
    public var dryRun: Bool
    /// The image as Ceph writes it: `pool/image`. Null if the volume was skipped.
    @Nullable public var image: String?
    /// The image's size, or the size that it would have.
    @Nullable public var sizeBytes: UInt64?
    @Nullable public var features: [String]?
    /// Sentences for people: what was done, and what is unusual about the volume.
    public var warnings: [String]

    public init(
        volume: String,
        outcome: Outcome,
        dryRun: Bool = false,
        image: String? = nil,
        sizeBytes: UInt64? = nil,
        features: [String]? = nil,
        warnings: [String] = []
    ) {
        self.volume = volume
        self.outcome = outcome
        self.dryRun = dryRun
        self.image = image
        self.sizeBytes = sizeBytes
        self.features = features
        self.warnings = warnings
    }
}
