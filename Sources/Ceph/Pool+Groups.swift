// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
import Naming

extension Pool {
    /// How errors name a group of this place.
    public func resource(ofGroup group: String) -> CephError.Resource {
        .group(place.group(group))
    }

    /// The names of all groups, in order.
    /// - Throws: `CephError` with `.poolNotFound`, `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rbd_group_list
    public func groups() async throws -> [String] {
        let resource = resource
        return try await withContext(.readGroup, on: resource) { context throws(CephError) in
            let pointer = context.pointer
            let names = try GrowingRoom.fill(from: 4096) {
                rbd_group_list(pointer, $0, &$1)
            } then: { (room: UnsafeMutablePointer<CChar>, _, result) throws(CephError) in
                let bytes = try check(result, .readGroup, on: resource)
                return GrowingRoom.texts(room, bytes: Int(bytes))
            }
            // A namespace that does not exist lists as empty.
            if names.isEmpty { try context.requireNamespace() }
            return names.sorted()
        }
    }

    /// A group with its images and snapshots.
    /// - Throws: `CephError` with `.groupNotFound`, `.namespaceNotFound`, `.poolNotFound`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`group_image_list`, `group_snap_list`)
    public func group(named name: String) async throws -> GroupInfo {
        try await withContext(.readGroup, on: resource(ofGroup: name)) { context throws(CephError) in
            var group = try GroupReader(named: name, in: context)
            return GroupInfo(name: name, id: group.id, members: try group.members(), snapshots: try group.snapshots())
        }
    }

    /// - Returns: the new group, which has neither images nor snapshots.
    /// - Throws: `CephError` with `.groupExists`, `.namespaceNotFound`, `.poolNotFound`, `.poolFull`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_group_create, rados_read_op_operate (`dir_get_id` of the group directory)
    public func createGroup(named name: String) async throws -> GroupInfo {
        let resource = resource(ofGroup: name)
        return try await withContext(.changeGroup, on: resource) { context throws(CephError) in
            // librbd would make it in a namespace that does not exist, where nobody would look for it.
            try context.requireNamespace()
            try check(rbd_group_create(context.pointer, name), .changeGroup, on: resource)
            let group = try GroupReader(named: name, in: context)
            return GroupInfo(name: name, id: group.id, members: [], snapshots: [])
        }
    }

    /// Its images stay what they are.
    /// - Throws: `CephError` with `.groupNotFound`, `.groupHasSnapshots` (librbd would remove them in silence),
    ///   `.namespaceNotFound`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_group_remove
    public func removeGroup(named name: String) async throws {
        try await withContext(.changeGroup, on: resource(ofGroup: name)) { context throws(CephError) in
            // Of a group that does not exist librbd says that it was removed.
            var group = try GroupReader(named: name, in: context)
            guard try group.snapshots().isEmpty else {
                throw CephError(.groupHasSnapshots, .changeGroup, on: group.resource)
            }
            try check(rbd_group_remove(group.context.pointer, name), .changeGroup, on: group.resource)
        }
    }

    /// - Throws: `CephError` with `.groupNotFound`, `.groupExists`, `.namespaceNotFound`, `.poolNotFound`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_group_rename
    public func renameGroup(named name: String, to newName: String) async throws {
        let taken = resource(ofGroup: newName)
        try await withContext(.changeGroup, on: resource(ofGroup: name)) { context throws(CephError) in
            let group = try GroupReader(named: name, in: context)
            let result = rbd_group_rename(group.context.pointer, name, newName)
            try check(result, .changeGroup, on: result == -EEXIST ? taken : group.resource)
        }
    }

    /// Puts an image into a group; it can be in one at most.
    /// - Parameter pool: the image's own. Its namespace is that of the group: librbd does not mix them.
    /// - Returns: false where it was in the group already.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageInGroup` (another one), `.groupNotFound`,
    ///   `.namespaceNotFound`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_group_image_add
    public func addImage(named image: String, ofPool pool: Pool, toGroup name: String) async throws -> Bool {
        let (imagePool, resource) = (pool.name, pool.resource(ofImage: image))
        try await pool.beKnown()
        return try await withContext(.changeGroupImages, on: resource) { context throws(CephError) in
            var group = try GroupReader(named: name, in: context)
            let pool = try IOContext(
                Place(pool: imagePool, namespace: group.context.namespace),
                rados: group.context.rados
            )
            let members = try group.members()
            if members.contains(where: { $0.image.isNamed(image, imagePool) && !$0.isIncomplete }) { return false }
            let result = rbd_group_image_add(group.context.pointer, name, pool.pointer, image)
            if result == -ENOENT { try pool.requireNamespace() }
            try check(result, .changeGroupImages, on: resource)
            return true
        }
    }

    /// Takes an image out of a group. The group's snapshots keep what they hold of it.
    /// - Throws: `CephError` with `.imageNotInGroup`, `.groupNotFound`, `.namespaceNotFound`, `.poolNotFound`,
    ///   `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_group_image_remove_by_id
    public func removeImage(named image: String, ofPool pool: Pool, fromGroup name: String) async throws {
        let (imagePool, resource) = (pool.name, pool.resource(ofImage: image))
        try await withContext(.changeGroupImages, on: resource) { context throws(CephError) in
            var group = try GroupReader(named: name, in: context)
            // Asked to remove an image of another group, librbd fails and leaves it in this one half-way.
            guard let member = try group.members().first(where: { $0.image.isNamed(image, imagePool) })?.image else {
                throw CephError(.imageNotInGroup, .changeGroupImages, on: resource)
            }
            let pool = try IOContext(
                poolID: member.poolID,
                namespace: group.context.namespace,
                rados: group.context.rados
            )
            // By its id, because an image in the trash has no name.
            let result = rbd_group_image_remove_by_id(group.context.pointer, name, pool.pointer, member.id)
            try check(result, .changeGroupImages, on: resource)
        }
    }

    /// Sees to it that the client's map has the pool. Nothing of it is read.
    private func beKnown() async throws {
        try await withContext(.readGroup, on: .pool(name)) { context throws(CephError) in _ = context.pointer }
    }
}

extension GroupImage {
    fileprivate func isNamed(_ name: String, _ pool: String) -> Bool { self.name == name && self.pool == pool }
}
