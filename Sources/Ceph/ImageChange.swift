// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// One change of an image that is there.
public enum ImageChange: Hashable, Sendable {
    /// Sets a value, or removes the key where it is nil. Keys that begin with `conf_` set options of Ceph for this image.
    case metadata(key: String, value: String?)
    /// Switches features on or off, all of them at once. Those that are as they shall be do no harm.
    case features(ImageFeatures, isEnabled: Bool)
    /// Gives it another name in the same place.
    case rename(String)
    /// Gives it a larger size.
    case grow(bytes: UInt64)
}

/// What became of the changes of an image.
public struct ImageChangeOutcome: Sendable {
    /// The change that failed, and why; nil where all were made. Those after it were not tried.
    public var failure: (index: Int, error: CephError)?
    /// Those before it that were made and could not be undone.
    public var left: [Int] = []
}
