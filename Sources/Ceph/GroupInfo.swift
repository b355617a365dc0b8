// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming

/// A group of images, which can be given a snapshot all at the same moment.
public struct GroupInfo: Hashable, Sendable {
    public var name: String
    /// What librbd tells it by, as `rbd group info` shows it. It stays with a renamed group, and a new group of an old name has another.
    public var id: String
    /// In the order of their pools and names.
    public var members: [GroupMember]
    /// In the order of their names.
    public var snapshots: [GroupSnapshotInfo]
}

extension GroupInfo {
    /// How the group has changed since a snapshot: the images that have joined it, and those that have left it. librbd 18 and newer rolls a
    /// group back only where there are none: an image that has left may be somebody else's by now.
    public func changes(since snapshot: GroupSnapshotInfo) -> (joined: [GroupImage], left: [GroupImage]) {
        let (now, then) = (Set(members.map(\.image)), Set(snapshot.images))
        return (members.map(\.image).filter { !then.contains($0) }, snapshot.images.filter { !now.contains($0) })
    }
}

/// An image of a group. It may be in another pool than the group, but always is in the namespace of the same name.
public struct GroupImage: Hashable, Sendable {
    public var pool: String
    public var namespace: String
    /// `#` and the id where nothing has a name for it.
    public var name: String
    public var id: String
    public var poolID: Int64

    public var resource: CephError.Resource { .image(ImageSpec(pool: pool, namespace: namespace, image: name)) }
}

public struct GroupMember: Hashable, Sendable {
    public var image: GroupImage
    /// Its adding or its removal was interrupted, or still goes on.
    public var isIncomplete: Bool
}

public struct GroupSnapshotInfo: Hashable, Sendable {
    public var name: String
    /// What librbd tells it by, as `rbd group snap ls` shows it from Ceph 19 on.
    public var id: String
    /// Its making was interrupted, or still goes on: some images may lack their part.
    public var isIncomplete: Bool
    /// Whose states it holds. They need not belong to the group any more.
    public var images: [GroupImage]
}

/// Who holds on to an image of a group: watchers and locks, nothing else.
public struct GroupImageUse: Hashable, Sendable {
    public var image: GroupImage
    public var watchers: [ImageUse.Watcher]
    public var locks: [ImageUse.Lock]
}
