// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// How an image is mirrored to another cluster: `?fields=mirroring`.
public struct ImageMirroring: Codable, Hashable, Sendable {
    /// `journal`, `snapshot`, or `unknown`.
    public var mode: String
    /// `enabled`, `disabling`, or `unknown`.
    public var state: String
    /// The image's id in all clusters.
    public var globalID: String
    /// Whether this cluster's image is the one that is written to.
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

/// The migration that an image is in: `?fields=migration`.
public struct ImageMigration: Codable, Hashable, Sendable {
    /// Where it comes from, as `rbd` writes it; empty where that is no image of this cluster, or out of scope.
    public var source: String
    /// The id of that image, which waits in the trash; empty for an image of the old format 1, or where `source` is.
    public var sourceID: String
    /// `preparing`, `prepared`, `executing`, `executed`, `aborting`, `error`, or `unknown`.
    public var state: String
    /// What librbd says of it; mostly empty.
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
