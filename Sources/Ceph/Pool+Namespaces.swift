// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
import Naming

/// The objects that prevent the removal of a namespace.
public struct NamespaceContents: Hashable, Sendable {
    /// Including images whose removal was interrupted.
    public var images: Int
    /// Images in the trash.
    public var trash: Int
    public var groups: Int

    public var isEmpty: Bool { images == 0 && trash == 0 && groups == 0 }
}

extension Pool {
    /// The pool's namespaces, without the default one, sorted by name.
    /// - C function: rbd_namespace_list
    public func namespaces() async throws -> [String] {
        try await withContext(.listNamespaces, on: .pool(name)) { context throws(CephError) in
            try context.namespaceNames().sorted()
        }
    }

    /// The contents of this place, which may also be the default namespace.
    /// - Throws: `CephError` with `.namespaceNotFound`.
    /// - C function: rbd_namespace_exists, rados_aio_read_op_operate (`dir_list` of `rbd_directory`), rbd_trash_list,
    ///   rbd_group_list
    public func namespaceContents() async throws -> NamespaceContents {
        try await withContext(.listImages, on: resource) { context throws(CephError) in
            try Self.contents(of: context)
        }
    }

    /// Creates a namespace in this pool.
    /// - Parameter name: any name that librbd accepts; callers check it with `Names` first.
    /// - Throws: `CephError` with `.namespaceExists`, `.poolFull`.
    /// - C function: rbd_namespace_create
    public func createNamespace(named namespace: String) async throws {
        let resource = CephError.Resource.namespace(Place(pool: name, namespace: namespace))
        try await cluster.pool(name).withContext(.createNamespace, on: resource) { context throws(CephError) in
            _ = try check(rbd_namespace_create(context.pointer, namespace), .createNamespace, on: resource)
            return
        }
    }

    /// Removes an empty namespace. librbd itself checks only for images and trash, and groups would become unreachable.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.namespaceNotEmpty`, `.poolFull`.
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
        // Images whose removal has got no further than the trash count once.
        var walk = DirectoryWalk()
        let images = try walk.next(.max, in: ImageReader(context))
        return NamespaceContents(images: images.count, trash: trash, groups: groups)
    }
}
