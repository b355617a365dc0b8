// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials

/// A snapshot of an image.
public struct SnapshotInfo: Hashable, Sendable {
    /// What made a snapshot, and is the only one that may change it.
    public enum Kind: String, CaseIterable, Sendable {
        /// A user. librbd finds only these snapshots by their names.
        case user
        /// A group snapshot, which this one is removed with.
        case group
        /// It was removed while clones still needed it. It is removed with the last of them.
        case trash
        /// Mirroring.
        case mirror
        /// A kind that is newer than this code.
        case unknown
    }

    public var id: UInt64
    /// librbd's name of the snapshot. For snapshots in the trash and of groups, librbd generates it.
    public var name: String
    public var kind: Kind
    /// In the trash: the name that the snapshot had. For a group: the group snapshot, as `pool/group@snapshot` or
    /// `pool/namespace/group@snapshot`.
    public var origin: String?
    public var sizeBytes: UInt64
    public var createdAt: Date?
    /// Clones of the old format 1 need the protection, which prevents the removal of the snapshot.
    public var isProtected = false
    /// It has no object map although the image has one. Set only for a snapshot that was just taken.
    public var lacksObjectMap = false

    /// Why it can't be changed on its own, in words; nil if it can.
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
    /// Empty if it can't be read: the pool is gone, or the service may not read it.
    public var image: String
    public var imageID: String
    /// The ``SnapshotInfo/name`` of the snapshot that it was cloned from.
    public var snapshot: String
    public var isInTrash: Bool
}
