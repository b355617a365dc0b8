// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// What RBD keeps in a pool, counted.
public struct PoolContents: Hashable, Sendable {
    public var images = 0
    public var trash = 0
    public var groups = 0
    /// Without the default one.
    public var namespaces: [String] = []
}

/// An image that would be lost with another pool.
public struct DependentImage: Hashable, Sendable {
    public enum Dependence: Hashable, Sendable {
        /// Its data is there.
        case data
        /// It is a clone of an image there, in words of `rbd`: `pool/image@snapshot`.
        case parent(String)
    }

    public var pool: String
    public var namespace: String
    public var image: String
    public var dependence: Dependence
}

extension Pool {
    /// Counts what is in the pool, in all of its namespaces.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_namespace_list, rbd_list2, rbd_trash_list, rbd_group_list
    public func contents() async throws -> PoolContents {
        try await withContext(.listImages, on: .pool(name)) { context throws(CephError) in
            var contents = PoolContents()
            contents.namespaces = try context.namespaceNames()
            for namespace in [""] + contents.namespaces {
                let place = try IOContext(pool: context.pool, namespace: namespace, rados: context.rados)
                contents.images += try place.count { rbd_list2(place.pointer, nil, &$0) }
                contents.trash += try place.count { rbd_trash_list(place.pointer, nil, &$0) }
                contents.groups += try place.groupCount()
            }
            return contents
        }
    }

    /// The pool's namespaces, without the default one.
    fileprivate func allNamespaces() async throws -> [String] {
        try await withContext(.listImages, on: .pool(name)) { context throws(CephError) in
            try context.namespaceNames()
        }
    }
}

extension Cluster {
    /// Looks in RBD's other pools for images whose data or whose parents are in a pool.
    /// - Parameters:
    ///   - duration: how long to look.
    ///   - limit: how many to find at most.
    /// - Returns: those found, and whether all pools were looked through.
    /// - Throws: `CephError` with `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_mon_command (`osd pool ls detail`), rbd_list2, rados_aio_read_op_operate (class `rbd`)
    public func images(
        dependingOnPool name: String,
        within duration: Duration,
        limit: Int
    ) async throws -> (found: [DependentImage], isComplete: Bool) {
        let end = ContinuousClock.now + duration
        var found: [DependentImage] = []
        var isComplete = true
        for info in try await pools() where info.name != name && info.applications.contains("rbd") {
            do {
                // Its data pool can't hold images.
                if info.isErasureCoded { continue }
                for namespace in [""] + (try await pool(info.name).allNamespaces()) {
                    var position: ImagePosition?
                    repeat {
                        guard found.count < limit, .now < end else { return (found, false) }
                        let page = try await pool(info.name, namespace: namespace)
                            .images(prefix: "", after: position, limit: 1000)
                        found += page.images.compactMap { $0.dependence(onPool: name, of: info.name, namespace) }
                        position = page.next
                    } while position != nil
                }
            } catch let error as CephError where error.code != .clientBlocklisted {
                // A pool that does not answer, or that we may not read, is no reason to say nothing at all.
                isComplete = false
            }
        }
        return (Array(found.prefix(limit)), isComplete && found.count <= limit)
    }
}

extension ImageInfo {
    fileprivate func dependence(onPool name: String, of pool: String, _ namespace: String) -> DependentImage? {
        let dependence: DependentImage.Dependence
        if dataPool == name {
            dependence = .data
        } else if let parent, parent.pool == name {
            let place = parent.namespace.isEmpty ? parent.pool : "\(parent.pool)/\(parent.namespace)"
            dependence = .parent("\(place)/\(parent.image)@\(parent.snapshot)")
        } else {
            return nil
        }
        return DependentImage(pool: pool, namespace: namespace, image: self.name, dependence: dependence)
    }
}

extension IOContext {
    /// - C function: rbd_namespace_list
    fileprivate func namespaceNames() throws(CephError) -> [String] {
        var buffer = [CChar](repeating: 0, count: 4096)
        while true {
            // Bytes, with the zero at the end of each name.
            var size = buffer.count
            let result = rbd_namespace_list(pointer, &buffer, &size)
            if result == -ERANGE {
                buffer = [CChar](repeating: 0, count: max(size, buffer.count) + 4096)
                continue
            }
            try check(result, .listImages, on: .pool(pool))
            return buffer.prefix(size).split(separator: 0)
                .map { String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self) }
        }
    }

    /// Given no room, a listing answers -ERANGE and how many there are.
    fileprivate func count(_ list: (inout Int) -> CInt) throws(CephError) -> Int {
        var count = 0
        let result = list(&count)
        if result != -ERANGE { try check(result, .listImages, on: .pool(pool)) }
        return count
    }

    /// - C function: rbd_group_list
    fileprivate func groupCount() throws(CephError) -> Int {
        var buffer = [CChar](repeating: 0, count: 4096)
        while true {
            var size = buffer.count
            let result = rbd_group_list(pointer, &buffer, &size)
            if result == -ERANGE {
                buffer = [CChar](repeating: 0, count: max(size, buffer.count) + 4096)
                continue
            }
            let length = try check(result, .listImages, on: .pool(pool))
            return buffer.prefix(Int(length)).count(where: { $0 == 0 })
        }
    }
}
