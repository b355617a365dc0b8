// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

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
        let resource = CephError.Resource.pool(name)
        return try await withContext(.listNamespaces, on: resource) { context throws(CephError) in
            var size = 4096
            while true {
                var buffer = [CChar](repeating: 0, count: size)
                let result = rbd_namespace_list(context.pointer, &buffer, &size)
                if result == -ERANGE {
                    size = max(size, buffer.count) + 4096
                    continue
                }
                try check(result, .listNamespaces, on: resource)
                // Names one after another, each with its terminating zero.
                return buffer.split(separator: 0)
                    .map { String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self) }.sorted()
            }
        }
    }

    /// What is in this place, which may be the default namespace, too.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rbd_namespace_exists, rbd_list2, rbd_trash_list, rbd_group_list
    public func contents() async throws -> NamespaceContents {
        let resource = resource
        return try await withContext(.listImages, on: resource) { context throws(CephError) in
            try Self.contents(of: context, resource)
        }
    }

    /// Creates a namespace of this pool.
    /// - Parameter name: any that librbd takes; callers check it with `Names` first.
    /// - Throws: `CephError` with `.namespaceExists`, `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rbd_namespace_create
    public func createNamespace(named namespace: String) async throws {
        let resource = CephError.Resource.namespace(namespace, pool: name)
        try await cluster.pool(name).withContext(.createNamespace, on: resource) { context throws(CephError) in
            _ = try check(rbd_namespace_create(context.pointer, namespace), .createNamespace, on: resource)
            return
        }
    }

    /// Removes a namespace that is empty. librbd itself looks for images and the trash only, and groups would be lost to
    /// sight for ever.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.namespaceNotEmpty`, `.poolNotFound`, `.poolFull`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_namespace_exists, rbd_list2, rbd_trash_list, rbd_group_list, rbd_namespace_remove
    public func removeNamespace(named namespace: String) async throws {
        let resource = CephError.Resource.namespace(namespace, pool: name)
        try await cluster.pool(name).withContext(.removeNamespace, on: resource) { context throws(CephError) in
            let inside = try IOContext(pool: context.pool, namespace: namespace, rados: context.rados)
            guard try Self.contents(of: inside, resource).isEmpty else {
                throw CephError(.namespaceNotEmpty, .removeNamespace, on: resource)
            }
            try check(rbd_namespace_remove(context.pointer, namespace), .removeNamespace, on: resource)
        }
    }

    private static func contents(
        of context: consuming IOContext,
        _ resource: CephError.Resource
    ) throws(CephError) -> NamespaceContents {
        try context.requireNamespace()
        let groups = try groupCount(in: context, resource)
        let trash = try trashCount(in: context, resource)
        // Those whose removal has not got further than the trash count once.
        let images = try ImageCatalogue(context).entries().count
        return NamespaceContents(images: images, trash: trash, groups: groups)
    }

    /// How many images the trash holds, without those whose removal was interrupted.
    /// - C function: rbd_trash_list
    private static func trashCount(
        in context: borrowing IOContext,
        _ resource: CephError.Resource
    ) throws(CephError) -> Int {
        // Given no room, it answers -ERANGE and the room that it needs.
        var count = 0
        let result = rbd_trash_list(context.pointer, nil, &count)
        if result != -ERANGE { try check(result, .listTrash, on: resource) }
        return count
    }

    /// - C function: rbd_group_list
    private static func groupCount(
        in context: borrowing IOContext,
        _ resource: CephError.Resource
    ) throws(CephError) -> Int {
        var size = 4096
        while true {
            var buffer = [CChar](repeating: 0, count: size)
            let result = rbd_group_list(context.pointer, &buffer, &size)
            if result == -ERANGE {
                size = max(size, buffer.count) + 4096
                continue
            }
            try check(result, .readGroup, on: resource)
            return buffer.split(separator: 0).count
        }
    }
}
