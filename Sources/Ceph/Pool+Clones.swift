// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
public import Naming

extension Pool {
    /// Clones a snapshot in clone format 2: the snapshot need not be protected, and its clones can be found without a
    /// search of all pools. Options that are nil take the values of the parent.
    /// - Throws: `CephError` with `.imageExists`, `.sourceNotFound`, `.invalidSource` (it can't be cloned),
    ///   `.namespaceNotFound`, `.dataPoolNotFound`, `.invalidObjectSize`, `.invalidFeatures`, `.invalidImageOption`,
    ///   `.poolFull`.
    /// - C function: rbd_clone3
    public func cloneImage(
        named name: String,
        from source: SnapshotSpec,
        options: ImageOptions = ImageOptions()
    ) async throws -> ImageInfo {
        let resource = resource(ofImage: name)
        let clone: @Sendable (consuming IOContext) throws(CephError) -> ImageInfo = { context throws(CephError) in
            let parentContext = try IOContext(source.image.place, rados: context.rados)
            let layout = try Self.requireCloneable(source, in: parentContext)
            var options = options
            if let order = options.objectOrder, options.stripeUnitBytes == nil, !layout.isStriped {
                // librbd takes over the parent's stripe unit. Objects of another size would then be striped by it.
                options.stripeUnitBytes = 1 << UInt64(order)
                options.stripeCount = 1
            }
            let creation = try CreationOptions(for: resource)
            try creation.set(options)
            try creation.set(RBD_IMAGE_OPTION_CLONE_FORMAT, to: 2)
            let result = rbd_clone3(
                parentContext.pointer,
                source.image.image,
                source.snapshot,
                context.pointer,
                name,
                creation.pointer
            )
            if result == -ENOENT {
                // The place, the data pool or a source that was just removed may be missing.
                try context.requireNamespace()
                _ = try Self.requireCloneable(source, in: parentContext)
            }
            try check(result, .cloneImage, on: resource)
            var reader = ImageReader(context)
            return try Self.readBack(.cloneImage, on: resource) { () throws(CephError) in
                try reader.image(named: RawName(name))
            }
        }
        do {
            do {
                return try await withContext(.cloneImage, on: resource, clone)
            } catch let error as CephError
                where error.isPoolNotFound(source.image.pool) && source.image.pool != self.name
            {
                // Only the source's pool may be missing in the client's map.
                try await cluster.learnPool(named: source.image.pool)
                return try await withContext(.cloneImage, on: resource, clone)
            }
        } catch let error as CephError where error.isPoolNotFound(source.image.pool) && source.image.pool != self.name {
            throw CephError(.sourceNotFound, .cloneImage, on: .snapshot(source), errno: error.errno)
        }
    }

    /// Checks whether a snapshot, in any pool, can be cloned.
    /// - Throws: `CephError` with `.sourceNotFound`, `.invalidSource`.
    /// - C function: rbd_open_read_only, rbd_snap_list
    public func requireCloneable(_ source: SnapshotSpec) async throws {
        do {
            let pool = cluster.pool(source.image.place)
            try await pool.withContext(.readImage, on: .snapshot(source)) { context throws(CephError) in
                _ = try Self.requireCloneable(source, in: context)
            }
        } catch let error as CephError where error.code == .poolNotFound {
            throw CephError(.sourceNotFound, .cloneImage, on: .snapshot(source), errno: error.errno)
        }
    }

    /// The clones that still need an image's snapshots.
    /// - Parameter snapshot: only the clones of the snapshot with this name, of any kind.
    /// - Throws: `CephError` with `.snapshotNotFound`, `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_list_children3 (for protected snapshots, which may have clones of format 1),
    ///   rados_read_op_operate (`children_list` of `rbd_header.<id>`)
    public func clones(ofImage name: String, snapshot: String? = nil) async throws -> [ImageClone] {
        let missing = snapshot.map { resource(ofSnapshot: $0, image: name) }
        return try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            let image = try OpenImage.named(name, in: context)
            return try image.clones(in: context) { snapshots throws(CephError) in
                guard let snapshot, let missing else { return snapshots }
                let named = snapshots.filter { $0.name == snapshot }
                if named.isEmpty { throw CephError(.snapshotNotFound, .readImage, on: missing) }
                return named
            }
        }
    }

    /// The images that an image depends on: its parent, the parent's parent, and so on. The list ends at the first one
    /// that can't be read.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rados_read_op_operate, rados_aio_read_op_operate (class `rbd`)
    public func ancestors(ofImage name: String) async throws -> [ImageInfo.Parent] {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            let rados = context.rados
            var reader = ImageReader(context)
            var next = try reader.image(named: RawName(name)).parent
            var ancestors: [ImageInfo.Parent] = []
            while let parent = next, ancestors.count < Self.maximumDepth {
                ancestors.append(parent)
                next = nil
                do throws(CephError) {
                    let place = try IOContext(Place(pool: parent.pool, namespace: parent.namespace), rados: rados)
                    var reader = ImageReader(place)
                    let entry = ImageReader.Entry(name: parent.image, id: parent.imageID)
                    next = parent.imageID.isEmpty ? nil : try reader.images([entry]).first?.parent
                } catch  where error.code == .poolNotFound || error.code == .credentialsRefused {
                    // The service may not read it.
                }
            }
            return ancestors
        }
    }

    /// Far more than librbd supports. It only guards against a cycle in damaged headers.
    private static let maximumDepth = 1000

    /// - Throws: `CephError` with `.sourceNotFound`, `.invalidSource`.
    private static func requireCloneable(
        _ source: SnapshotSpec,
        in context: borrowing IOContext
    ) throws(CephError) -> ImageLayout {
        do throws(CephError) {
            let rados = context.rados
            let image = try OpenImage.named(source.image.image, in: context)
            _ = try image.userSnapshot(named: source.snapshot, .cloneImage, on: .snapshot(source), rados: rados)
            guard try image.features().contains(.layering) else {
                throw CephError(
                    .invalidSource,
                    .cloneImage,
                    on: .snapshot(source),
                    detail: "the image does not have the feature layering"
                )
            }
            return try image.layout()
        } catch {
            switch error.code {
            case .imageNotFound, .namespaceNotFound, .snapshotNotFound:
                throw CephError(.sourceNotFound, .cloneImage, on: .snapshot(source), errno: error.errno)
            case .snapshotManaged:
                throw CephError(.invalidSource, .cloneImage, on: .snapshot(source), detail: error.detail)
            default: throw error
            }
        }
    }
}

extension CephError {
    fileprivate func isPoolNotFound(_ pool: String) -> Bool {
        code == .poolNotFound && resource == .pool(pool)
    }
}
