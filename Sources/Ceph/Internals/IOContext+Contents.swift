// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// The contents of a pool or of one of its namespaces.
extension IOContext {
    /// The pool's namespaces, without the default one.
    func namespaceNames() throws(CephError) -> [String] {
        try names(.listNamespaces, on: .pool(pool)) { rbd_namespace_list(pointer, $0, &$1) }
    }

    func groupNames(on resource: CephError.Resource) throws(CephError) -> [String] {
        try names(.readGroup, on: resource) { rbd_group_list(pointer, $0, &$1) }
    }

    func groupCount() throws(CephError) -> Int { try groupNames(on: .pool(pool)).count }

    func imageCount() throws(CephError) -> Int {
        try count(.listImages) { rbd_list2(pointer, nil, &$0) }
    }

    /// The number of images in the trash, without those whose removal was interrupted.
    func trashCount() throws(CephError) -> Int {
        try count(.listTrash) { rbd_trash_list(pointer, nil, &$0) }
    }

    /// For an empty buffer, a list function answers -ERANGE and the size that it needs.
    private func count(_ operation: CephError.Operation, _ list: (inout Int) -> CInt) throws(CephError) -> Int {
        var count = 0
        let result = list(&count)
        if result != -ERANGE { try check(result, operation, on: .pool(pool)) }
        return count
    }

    /// Names one after another, each with its terminating zero.
    private func names(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        _ list: (UnsafeMutablePointer<CChar>, inout Int) -> CInt
    ) throws(CephError) -> [String] {
        try GrowingRoom.fill(from: 4096, with: list) { room, size, result throws(CephError) in
            try check(result, operation, on: resource)
            return GrowingRoom.texts(room, bytes: size)
        }
    }
}
