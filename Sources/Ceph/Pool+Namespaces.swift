// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
import Naming

/// What keeps a namespace from being removed.
public struct NamespaceContents: Hashable, Sendable {
    /// Those included whose removal was interrupted.
    public var images: Int
    /// Images in the trash.
    public var trash: Int
    public var groups: Int

    public var isEmpty: Bool { images == 0 && trash == 0 && groups == 0 }
}

extension Pool {
    /// The pool's namespaces, without the default one, in the order of their names.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_namespace_list
    public func namespaces() async throws -> [String] {
        try await withContext(.listNamespaces, on: .pool(name)) { context throws(CephError) in
            try context.namespaceNames().sorted()
        }
    }

    /// What is in this place, which may be the default namespace, too.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rbd_namespace_exists, rados_aio_read_op_operate (`dir_list` of `rbd_directory`), rbd_trash_list,
    ///   rbd_group_list
    public func namespaceContents() async throws -> NamespaceContents {
        try await withContext(.listImages, on: resource) { context throws(CephError) in
            try Self.contents(of: context)
        }
    }

    /// Creates a namespace of this pool.
    /// - Parameter name: any that librbd takes; callers check it with `Names` first.
    /// - Throws: `CephError` with `.namespaceExists`, `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rbd_namespace_create
    public func createNamespace(named namespace: String) async throws {
        let resource = CephError.Resource.namespace(Place(pool: name, namespace: namespace))
        try await cluster.pool(name).withContext(.createNamespace, on: resource) { context throws(CephError) in
            _ = try check(rbd_namespace_create(context.pointer, namespace), .createNamespace, on: resource)
            return
        }
    }

    /// Removes a namespace that is empty. librbd itself looks for images and the trash only, and groups would be lost to
    /// sight for ever.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.namespaceNotEmpty`, `.poolNotFound`, `.poolFull`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_namespace_exists, rados_aio_read_op_operate (`dir_list` of `rbd_directory`), rbd_trash_list,
    ///   rbd_group_list, rbd_namespace_remove
    public func removeNamespace(named namespace: String) async throws {
        let resource = CephError.Resource.namespace(Place(pool: name, namespace: namespace))
        try await cluster.pool(name).withContext(.removeNamespace, on: resource) { context throws(CephError) in
            let inside = try IOContext(Place(pool: context.pool, namespace: namespace), rados: context.rados)
            guard try Self.contents(of: inside).isEmpty else {
                throw CephError(.namespaceNotEmpty, .removeNamespace, on: resource)
            }
            try check(rbd_namespace_remove(context.pointer, namespace), .removeNamespace, on: resource)
        }
    }

    private static func contents(of context: consuming IOContext) throws(CephError) -> NamespaceContents {
        try context.requireNamespace()
        let groups = try context.groupCount()
        let trash = try context.trashCount()
        // Those whose removal has not got further than the trash count once.
        let images = try ImageReader(context).entries().count
        return NamespaceContents(images: images, trash: trash, groups: groups)
    }
}
