// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
import Naming

extension Pool {
    /// The name of a group of this place in errors.
    public func resource(ofGroup group: String) -> CephError.Resource {
        .group(place.group(group))
    }

    /// The names of all groups, sorted.
    /// - Throws: `CephError` with `.namespaceNotFound`.
    /// - C function: rbd_group_list
    public func groups() async throws -> [String] {
        let resource = resource
        return try await withContext(.readGroup, on: resource) { context throws(CephError) in
            let names = try context.groupNames(on: resource)
            // A namespace that does not exist has an empty list.
            if names.isEmpty { try context.requireNamespace() }
            return names.sorted()
        }
    }

    /// A group with its images and snapshots.
    /// - Throws: `CephError` with `.groupNotFound`, `.namespaceNotFound`.
    /// - C function: rados_read_op_operate (`group_image_list`, `group_snap_list`)
    public func group(named name: String) async throws -> GroupInfo {
        try await withContext(.readGroup, on: resource(ofGroup: name)) { context throws(CephError) in
            var group = try GroupReader(named: name, in: context)
            return GroupInfo(name: name, id: group.id, members: try group.members(), snapshots: try group.snapshots())
        }
    }

    /// - Returns: the new group, which has neither images nor snapshots.
    /// - Throws: `CephError` with `.groupExists`, `.namespaceNotFound`, `.poolFull`.
    /// - C function: rbd_group_create, rados_read_op_operate (`dir_get_id` of the group directory)
    public func createGroup(named name: String) async throws -> GroupInfo {
        let resource = resource(ofGroup: name)
        return try await withContext(.changeGroup, on: resource) { context throws(CephError) in
            // librbd would create it in a namespace that does not exist, where it could not be found.
            try context.requireNamespace()
            try check(rbd_group_create(context.pointer, name), .changeGroup, on: resource)
            let group = try GroupReader(named: name, in: context)
            return GroupInfo(name: name, id: group.id, members: [], snapshots: [])
        }
    }

    /// Removes a group. Its images stay as they are.
    /// - Throws: `CephError` with `.groupNotFound`, `.groupHasSnapshots` (librbd would remove them silently),
    ///   `.namespaceNotFound`.
    /// - C function: rbd_group_remove
    public func removeGroup(named name: String) async throws {
        try await withContext(.changeGroup, on: resource(ofGroup: name)) { context throws(CephError) in
            // For a group that does not exist, librbd reports success.
            var group = try GroupReader(named: name, in: context)
            guard try group.snapshots().isEmpty else {
                throw CephError(.groupHasSnapshots, .changeGroup, on: group.resource)
            }
            try check(rbd_group_remove(group.context.pointer, name), .changeGroup, on: group.resource)
        }
    }

    /// - Throws: `CephError` with `.groupNotFound`, `.groupExists`, `.namespaceNotFound`.
    /// - C function: rbd_group_rename
    public func renameGroup(named name: String, to newName: String) async throws {
        let taken = resource(ofGroup: newName)
        try await withContext(.changeGroup, on: resource(ofGroup: name)) { context throws(CephError) in
            let group = try GroupReader(named: name, in: context)
            let result = rbd_group_rename(group.context.pointer, name, newName)
            try check(result, .changeGroup, on: result == -EEXIST ? taken : group.resource)
        }
    }

    /// Adds an image to a group. An image can be in one group at most.
    /// - Parameter pool: the image's own pool. Its namespace is that of the group: librbd does not mix them.
    /// - Returns: false if the image was in the group already.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageInGroup` (another one), `.groupNotFound`,
    ///   `.namespaceNotFound`.
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

    /// Removes an image from a group. The group's snapshots keep their data of it.
    /// - Throws: `CephError` with `.imageNotInGroup`, `.groupNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_group_image_remove_by_id
    public func removeImage(named image: String, ofPool pool: Pool, fromGroup name: String) async throws {
        let (imagePool, resource) = (pool.name, pool.resource(ofImage: image))
        try await withContext(.changeGroupImages, on: resource) { context throws(CephError) in
            var group = try GroupReader(named: name, in: context)
            // If the image is in another group, librbd fails, and leaves the image half removed in this group.
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

    /// Ensures that the client's map has the pool. Nothing is read from the pool.
    private func beKnown() async throws {
        try await withContext(.readGroup, on: .pool(name)) { context throws(CephError) in _ = context.pointer }
    }
}

extension GroupImage {
    fileprivate func isNamed(_ name: String, _ pool: String) -> Bool { self.name == name && self.pool == pool }
}
