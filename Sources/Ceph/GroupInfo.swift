// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming

/// A group of images. A group snapshot captures all of them at the same moment.
public struct GroupInfo: Hashable, Sendable {
    public var name: String
    /// librbd's id of the group, as in `rbd group info`. It stays the same when the group is renamed. A new group with
    /// an old name has another id.
    public var id: String
    /// Sorted by pool and name.
    public var members: [GroupMember]
    /// Sorted by name.
    public var snapshots: [GroupSnapshotInfo]
}

extension GroupInfo {
    /// The changes of the group since a snapshot: the images that have joined it, and those that have left it. librbd
    /// 18 and newer rolls a group back only if there are none, because an image that has left may belong to another
    /// user now.
    public func changes(since snapshot: GroupSnapshotInfo) -> (joined: [GroupImage], left: [GroupImage]) {
        let (now, then) = (Set(members.map(\.image)), Set(snapshot.images))
        return (members.map(\.image).filter { !then.contains($0) }, snapshot.images.filter { !now.contains($0) })
    }
}

/// An image of a group. It may be in another pool than the group, but is always in the namespace of the same name.
public struct GroupImage: Hashable, Sendable {
    public var pool: String
    public var namespace: String
    /// `#` and the image's id if no name is known.
    public var name: String
    public var id: String
    public var poolID: Int64

    public var resource: CephError.Resource { .image(ImageSpec(pool: pool, namespace: namespace, image: name)) }
}

public struct GroupMember: Hashable, Sendable {
    public var image: GroupImage
    /// Adding or removing the image was interrupted or still runs.
    public var isIncomplete: Bool
}

public struct GroupSnapshotInfo: Hashable, Sendable {
    public var name: String
    /// librbd's id of the snapshot, as in `rbd group snap ls` of Ceph 19 and later.
    public var id: String
    /// Its creation was interrupted or still runs: some images may lack their part.
    public var isIncomplete: Bool
    /// The images in the snapshot. They need not belong to the group any more.
    public var images: [GroupImage]
}

/// The use of an image of a group: only watchers and locks.
public struct GroupImageUse: Hashable, Sendable {
    public var image: GroupImage
    public var watchers: [ImageUse.Watcher]
    public var locks: [ImageUse.Lock]
}
