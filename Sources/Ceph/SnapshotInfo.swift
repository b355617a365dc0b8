// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials

/// A snapshot of an image.
public struct SnapshotInfo: Hashable, Sendable {
    /// Who made a snapshot, and who alone may change it.
    public enum Kind: String, CaseIterable, Sendable {
        /// Somebody who asked for it. Only these have names that librbd finds them by.
        case user
        /// A group's snapshot: it goes with that.
        case group
        /// It was removed while clones still needed it. It goes with the last of them.
        case trash
        /// Mirroring.
        case mirror
        /// Something that came after this code.
        case unknown
    }

    public var id: UInt64
    /// What librbd calls it; for those in the trash and of groups, a name that it made up.
    public var name: String
    public var kind: Kind
    /// In the trash: the name that it had. Of a group: the group's snapshot, as `pool/group@snapshot` or
    /// `pool/namespace/group@snapshot`.
    public var origin: String?
    public var sizeBytes: UInt64
    public var createdAt: Date?
    /// Clones of the old format 1 need it, and it keeps the snapshot from being removed.
    public var isProtected = false
    /// It has none although the image has one. Only told of a snapshot that was just taken.
    public var lacksObjectMap = false

    /// Why it can't be changed by itself, in words; nil where it can.
    public var keeper: String? {
        switch kind {
        case .user: nil
        case .trash: "it was removed as \"\(origin ?? "")\", and goes with the last of its clones"
        case .group: "it goes with \(origin.map { "the group's snapshot \($0)" } ?? "a snapshot of its group")"
        case .mirror, .unknown: "mirroring uses it"
        }
    }
}

/// An image that was cloned from a snapshot and still needs it.
public struct ImageClone: Hashable, Sendable {
    public var pool: String
    public var namespace: String
    /// Empty where it can't be read: the pool is gone, or not ours to read.
    public var image: String
    public var imageID: String
    /// The snapshot that it was made from, as ``SnapshotInfo/name``.
    public var snapshot: String
    public var isInTrash: Bool
}
