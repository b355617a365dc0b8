// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// One change of an existing image.
public enum ImageChange: Hashable, Sendable {
    /// Sets a value, or removes the key if the value is nil. Keys that begin with `conf_` set Ceph options for this
    /// image.
    case metadata(key: String, value: String?)
    /// Enables or disables features, all of them together. Features that already have the requested state are ignored.
    case features(ImageFeatures, isEnabled: Bool)
    /// Renames the image within its place.
    case rename(String)
    /// Enlarges the image.
    case grow(bytes: UInt64)
}

/// The result of changing an image.
public struct ImageChangeOutcome: Sendable {
    /// The change that failed, and why; nil if all were made. Later changes were not tried.
    public var failure: (index: Int, error: CephError)?
    /// The earlier changes that were made and could not be undone.
    public var left: [Int] = []
}
