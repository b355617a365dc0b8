// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming

/// The numbers of RBD objects in a pool.
public struct PoolContents: Hashable, Sendable {
    public var images = 0
    public var trash = 0
    public var groups = 0
    /// Without the default namespace.
    public var namespaces: [String] = []
}

/// An image that would be lost if another pool were deleted.
public struct DependentImage: Hashable, Sendable {
    public enum Dependence: Hashable, Sendable {
        /// Its data is in the pool.
        case data
        /// It is a clone of an image in the pool, as `rbd` writes it: `pool/image@snapshot`.
        case parent(String)
        /// It is being migrated from an image in the pool, as `rbd` writes it. Data that is not copied yet is only
        /// there.
        case migration(String)
    }

    public var pool: String
    public var namespace: String
    public var image: String
    public var dependence: Dependence
}

extension Pool {
    /// Counts the contents of the pool, in all of its namespaces.
    /// - Throws: `CephError` with `.poolNotFound`.
    /// - C function: rbd_namespace_list, rbd_list2, rbd_trash_list, rbd_group_list
    public func contents() async throws -> PoolContents {
        try await withContext(.listImages, on: .pool(name)) { context throws(CephError) in
            var contents = PoolContents()
            contents.namespaces = try context.namespaceNames()
            for namespace in [""] + contents.namespaces {
                let place = try IOContext(Place(pool: context.pool, namespace: namespace), rados: context.rados)
                contents.images += try place.imageCount()
                contents.trash += try place.trashCount()
                contents.groups += try place.groupCount()
            }
            return contents
        }
    }
}

extension Cluster {
    /// Searches RBD's other pools for images that have their data or their parents in a pool.
    /// - Parameters:
    ///   - duration: how long to search.
    ///   - limit: the maximum number of images to find.
    /// - Returns: the images, and whether all pools were searched.
    /// - C function: rados_mon_command (`osd pool ls detail`), rados_aio_read_op_operate (class `rbd`),
    ///   rbd_migration_status
    public func images(
        dependingOnPool name: String,
        within duration: Duration,
        limit: Int
    ) async throws -> (found: [DependentImage], isComplete: Bool) {
        let end = ContinuousClock.now + duration
        // Pools of other applications hold no images, and erasure-coded pools do not either.
        let pools = try await pools().filter {
            $0.name != name && $0.applications.contains("rbd") && !$0.isErasureCoded
        }.map(\.name)
        return await withTaskGroup { group in
            var (found, isComplete) = ([DependentImage](), true)
            var rest = pools[...]
            for pool in rest.prefix(Self.searchesAtOnce) {
                group.addTask { await self.images(of: pool, dependingOnPool: name, until: end, limit: limit) }
            }
            rest = rest.dropFirst(Self.searchesAtOnce)
            while let part = await group.next() {
                found += part.found
                isComplete = isComplete && part.isComplete
                guard found.count < limit else {
                    group.cancelAll()
                    return (Array(found.prefix(limit)), false)
                }
                guard let pool = rest.popFirst() else { continue }
                group.addTask { await self.images(of: pool, dependingOnPool: name, until: end, limit: limit) }
            }
            found.sort { ($0.pool, $0.namespace, $0.image) < ($1.pool, $1.namespace, $1.image) }
            return (found, isComplete)
        }
    }

    private static let searchesAtOnce = 8

    /// A pool that does not answer, or that the service may not read, must not hide the results of the other pools.
    private func images(
        of pool: String,
        dependingOnPool name: String,
        until end: ContinuousClock.Instant,
        limit: Int
    ) async -> (found: [DependentImage], isComplete: Bool) {
        var found: [DependentImage] = []
        do {
            for namespace in [""] + (try await self.pool(pool).namespaces()) {
                var position: ImagePosition?
                repeat {
                    guard found.count < limit, .now < end else { return (found, false) }
                    let place = self.pool(pool, namespace: namespace)
                    let page = try await place.images(prefix: "", after: position, limit: 1000)
                    for image in page.images {
                        if let dependence = try await image.dependence(onPool: name, in: place) {
                            found.append(dependence)
                        }
                    }
                    position = page.next
                } while position != nil
            }
            return (found, true)
        } catch {
            return (found, false)
        }
    }
}

extension ImageInfo {
    fileprivate func dependence(onPool name: String, in place: Pool) async throws -> DependentImage? {
        let dependence: DependentImage.Dependence
        if dataPool == name {
            dependence = .data
        } else if let parent = parent ?? snapshotsParent, parent.pool == name {
            dependence = .parent(
                "\(ImageSpec(pool: parent.pool, namespace: parent.namespace, image: parent.image))@\(parent.snapshot)"
            )
        } else if features.contains(.migrating),
            let source = try await place.details(.migration, ofImage: self.name, id: id).migration?.source,
            source.pool == name
        {
            dependence = .migration(
                "\(ImageSpec(pool: source.pool, namespace: source.namespace, image: source.image))"
            )
        } else {
            return nil
        }
        return DependentImage(
            pool: place.name,
            namespace: place.namespace,
            image: self.name,
            dependence: dependence
        )
    }
}
