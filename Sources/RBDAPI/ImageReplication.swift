// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// How an image is mirrored to another cluster: `?fields=mirroring`.
public struct ImageMirroring: Codable, Hashable, Sendable {
    /// `journal`, `snapshot`, or `unknown`.
    public var mode: String
    /// `enabled`, `disabling`, or `unknown`.
    public var state: String
    /// The image's id, which is the same in all clusters.
    public var globalID: String
    /// Whether the image in this cluster is the primary, which is written to.
    public var primary: Bool

    enum CodingKeys: String, CodingKey {
        case mode, state, primary
        case globalID = "globalId"
    }

    public init(mode: String, state: String, globalID: String, primary: Bool) {
        self.mode = mode
        self.state = state
        self.globalID = globalID
        self.primary = primary
    }
}

/// The migration of an image: `?fields=migration`.
public struct ImageMigration: Codable, Hashable, Sendable {
    /// The source of the migration, as `rbd` writes it; empty if it is not an image of this cluster, or is outside the
    /// caller's scopes.
    public var source: String
    /// The id of the source image, which stays in the trash; empty for an image of the old format 1, or if `source` is
    /// empty.
    public var sourceID: String
    /// `preparing`, `prepared`, `executing`, `executed`, `aborting`, `error`, or `unknown`.
    public var state: String
    /// librbd's description of the state; usually empty.
    public var detail: String

    enum CodingKeys: String, CodingKey {
        case source, state, detail
        case sourceID = "sourceId"
    }

    public init(source: String, sourceID: String, state: String, detail: String) {
        self.source = source
        self.sourceID = sourceID
        self.state = state
        self.detail = detail
    }
}
