// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// Copies images in the state of a snapshot.
extension Pool {
    /// Copies an image as it was when a snapshot was taken. The copy has the image's layout, features and metadata, and
    /// is independent of the image and of its parent. A stopped copy leaves an ordinary image, which the caller
    /// removes.
    ///
    /// At most ``copyBytes`` are in flight, and a stopped call ends when these have arrived.
    /// - Parameters:
    ///   - snapshot: the state to copy.
    ///   - withSnapshots: whether to copy the user's snapshots that are older than this one, too.
    ///   - target: the place of the copy.
    /// - Throws: `CephError` with `.imageNotFound`, `.snapshotNotFound`, `.imageExists`, `.imageEncrypted`, `.stopped`,
    ///   `.poolFull`.
    /// - C function: rbd_snap_set_by_id, rbd_diff_iterate2, rbd_aio_read, rbd_aio_write, rbd_aio_discard, rbd_resize2,
    ///   rbd_snap_create, rbd_snap_protect, rbd_metadata_set; and those of ``createImage(named:sizeBytes:options:)``
    public func copyImage(
        named name: String,
        id: String,
        at snapshot: String,
        withSnapshots: Bool,
        to target: Pool,
        as targetName: String,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = target.resource(ofImage: targetName)
        let share = cluster.copies.begin(for: Caller.current)
        try await withContext(.copyImage, on: self.resource(ofImage: name), through: threads) {
            context throws(CephError) in
            defer { withExtendedLifetime(share) {} }
            try call.begin(.copyImage, on: resource)
            let destination = try IOContext(target.place, rados: context.rados)
            let image = try OpenImage(id: id, at: snapshot, in: context)
            var states = try image.snapshotInfos(rados: context.rados).filter { $0.kind == .user }
                .sorted { $0.id < $1.id }
            guard let last = states.firstIndex(where: { $0.name == snapshot }) else {
                throw CephError(.snapshotNotFound, .copyImage, on: self.resource(ofSnapshot: snapshot, image: name))
            }
            states = Array(withSnapshots ? states[...last] : states[last...last])
            // The copy has no parent. It would be one image with data of two keys.
            for state in states {
                try check(rbd_snap_set_by_id(image.pointer, state.id), .copyImage, on: resource)
                try image.requireNoKeyOfItsOwn(.copyImage, on: self.resource(ofImage: name))
            }
            _ = try Self.makeImage(
                named: targetName,
                sizeBytes: states[0].sizeBytes,
                options: try image.creationOptions(),
                in: destination,
                on: resource
            )
            let copy = try OpenImage.named(targetName, in: destination, to: .write)
            try image.copy(states, to: copy, share, call, on: resource)
            for (key, value) in try MetadataRead(id: id, in: context).pairs(on: resource, in: context) {
                try check(rbd_metadata_set(copy.pointer, key, value), .copyImage, on: resource)
            }
        }
    }

    /// How much data of a copy is in flight. While several callers copy, all copies of one caller together get as much.
    public static let copyBytes = 16 << 20

    /// Takes the snapshot that a copy is made from, unless a snapshot of that name exists.
    /// - Throws: `CephError` with `.imageNotFound`, `.poolFull`.
    /// - C function: rbd_snap_create
    public func takeCopySnapshot(
        _ snapshot: String,
        ofImage name: String,
        id: String,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withContext(.copyImage, on: resource, through: threads) { context throws(CephError) in
            let image = try OpenImage(id: id, in: context, to: .write)
            let result = rbd_snap_create(image.pointer, snapshot)
            if result != -EEXIST { try check(result, .copyImage, on: resource) }
        }
    }

    /// Removes the snapshot that a copy was made from. It is not an error if it does not exist.
    /// - C function: rbd_snap_remove
    public func removeCopySnapshot(
        _ snapshot: String,
        ofImage name: String,
        id: String,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withContext(.copyImage, on: resource, through: threads) { context throws(CephError) in
            do throws(CephError) {
                let image = try OpenImage(id: id, in: context, to: .write)
                let result = rbd_snap_remove(image.pointer, snapshot)
                if result != -ENOENT { try check(result, .copyImage, on: resource) }
            } catch  where error.code == .imageNotFound {
                return
            }
        }
    }

    /// Removes the snapshots that a stopped copy has already created, so that the copy can be discarded.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rbd_snap_remove2
    public func removeSnapshots(ofCopy id: String, on threads: BlockingPool) async throws {
        let resource = resource(ofImage: "#\(id)")
        try await withContext(.copyImage, on: resource, through: threads) { context throws(CephError) in
            do throws(CephError) {
                let image = try OpenImage(id: id, in: context, to: .write)
                for snapshot in try image.listSnapshots() {
                    let flags = UInt32(RBD_SNAP_REMOVE_UNPROTECT)
                    let result = rbd_snap_remove2(image.pointer, snapshot.name, flags, LongCall.ignore, nil)
                    try check(result, .copyImage, on: resource)
                }
            } catch  where error.code == .imageNotFound {
                // The copy had not got as far as the header.
            }
        }
    }
}

extension OpenImage {
    /// The options for another image with the same layout and features.
    fileprivate func creationOptions() throws(CephError) -> ImageOptions {
        let layout = try layout()
        var options = ImageOptions(features: try features().intersection(.creatable))
        options.objectOrder = UInt8(layout.objectSizeBytes.trailingZeroBitCount)
        if layout.isStriped {
            options.stripeUnitBytes = layout.stripeUnitBytes
            options.stripeCount = layout.stripeCount
        }
        return options
    }

    /// Brings another image from each state to the next, like `rbd export-diff` and `rbd import-diff`.
    /// - Parameter states: snapshots, oldest first. All except the last one are also created on the copy.
    fileprivate func copy(
        _ states: [SnapshotInfo],
        to copy: borrowing OpenImage,
        _ share: CopyShares.Share,
        _ call: LongCall,
        on resource: CephError.Resource
    ) throws(CephError) {
        let layout = try layout()
        let data = DataCopy(from: self, to: copy, bytes: Pool.copyBytes, share: share, on: resource)
        let total = states.reduce(0) { $0 + $1.sizeBytes }
        var (done, overlap): (UInt64, UInt64) = (0, 0)
        for (index, state) in states.enumerated() {
            try check(rbd_snap_set_by_id(pointer, state.id), .copyImage, on: resource)
            let previous = index > 0 ? states[index - 1] : nil
            if let previous, previous.sizeBytes != state.sizeBytes {
                let resized = rbd_resize2(copy.pointer, state.sizeBytes, true, LongCall.attend, call.context)
                try check(resized, .copyImage, on: resource)
            }
            let before = overlap
            overlap = try overlapBytes(.copyImage)
            data.isFresh = previous == nil
            let step = try stepBytes(layout)
            var offset: UInt64 = 0
            while offset < state.sizeBytes {
                let end = min(offset + step, state.sizeBytes)
                var extents = try self.extents(since: previous?.name, offset..<end, call, on: resource)
                // A part of the parent is no longer visible, although nothing was written. No list of changes has that.
                let (hidden, seen) = (max(offset, overlap), min(end, before))
                if hidden < seen { extents.append(.init(offset: hidden, length: seen - hidden, exists: true)) }
                for extent in extents {
                    try data.copy(extent) { position throws(CephError) in
                        try call.advance(to: done + position, of: total, .copyImage, on: resource)
                    }
                }
                offset = end
                try call.advance(to: done + offset, of: total, .copyImage, on: resource)
            }
            try data.finish()
            done += state.sizeBytes
            guard index < states.count - 1 else { continue }
            try check(rbd_snap_create(copy.pointer, state.name), .copyImage, on: resource)
            if state.isProtected { try check(rbd_snap_protect(copy.pointer, state.name), .copyImage, on: resource) }
        }
    }

    /// How much of the image to list at once: an amount that takes only a moment even if each object is checked.
    private func stepBytes(_ layout: ImageLayout) throws(CephError) -> UInt64 {
        let (features, flags) = (try features(), try flags())
        let hasMap = features.contains(.fastDiff) && flags.isEmpty
        return (hasMap ? 65_536 : 256) * layout.objectSizeBytes
    }

    /// The data that exists in a part of the image, or has changed since an earlier snapshot, in whole objects.
    private func extents(
        since earlier: String?,
        _ range: Range<UInt64>,
        _ call: LongCall,
        on resource: CephError.Resource
    ) throws(CephError) -> [DataCopy.Extent] {
        final class Found {
            var extents: [DataCopy.Extent] = []
        }
        let found = Found()
        let result = rbd_diff_iterate2(
            pointer,
            earlier,
            range.lowerBound,
            range.upperBound - range.lowerBound,
            1,
            1,
            { offset, length, exists, context in
                guard let context else { return -EINVAL }
                let found = Unmanaged<Found>.fromOpaque(context).takeUnretainedValue()
                let extent = DataCopy.Extent(offset: offset, length: UInt64(length), exists: exists != 0)
                if let last = found.extents.last, last.end == extent.offset, last.exists == extent.exists {
                    found.extents[found.extents.count - 1].length += extent.length
                } else {
                    found.extents.append(extent)
                }
                return 0
            },
            Unmanaged.passUnretained(found).toOpaque()
        )
        try check(result, .copyImage, on: resource)
        // Extents of striped objects come in the order of the objects.
        return withExtendedLifetime(found) { found.extents.sorted { $0.offset < $1.offset } }
    }
}
