// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
import Naming

/// The layout of an image's data in objects.
struct ImageLayout: Hashable, Sendable {
    var objectSizeBytes: UInt64
    var stripeUnitBytes: UInt64
    var stripeCount: UInt64

    var isStriped: Bool { stripeCount != 1 || stripeUnitBytes != objectSizeBytes }
}

extension OpenImage {
    func layout() throws(CephError) -> ImageLayout {
        ImageLayout(
            objectSizeBytes: try stat().obj_size,
            stripeUnitBytes: try number(rbd_get_stripe_unit),
            stripeCount: try number(rbd_get_stripe_count)
        )
    }

    /// Whether clones need a snapshot. Clones of format 1 are not searched for, because they need a protected snapshot.
    func hasClones(ofSnapshot id: UInt64, in context: borrowing IOContext) throws(CephError) -> Bool {
        try !references(ofSnapshot: id, in: context).isEmpty
    }

    /// The clones of all snapshots, or of the selected ones.
    func clones(
        in context: borrowing IOContext,
        choosing: ([SnapshotInfo]) throws(CephError) -> [SnapshotInfo] = { $0 }
    ) throws(CephError) -> [ImageClone] {
        var clones: [ImageClone] = []
        for snapshot in try choosing(snapshotInfos(rados: context.rados)) {
            clones += try self.clones(of: snapshot, in: context)
        }
        return clones
    }

    func clones(of snapshot: SnapshotInfo, in context: borrowing IOContext) throws(CephError) -> [ImageClone] {
        // Only clones of format 1 require a search of every pool, and their snapshots are protected.
        if snapshot.isProtected { return try listChildren(of: snapshot) }
        var clones: [ImageClone] = []
        let places = Dictionary(grouping: try references(ofSnapshot: snapshot.id, in: context)) {
            CloneReference(poolID: $0.poolID, namespace: $0.namespace, imageID: "")
        }
        for (place, references) in places {
            let pool = (try? context.rados.poolName(id: place.poolID)) ?? "#\(place.poolID)"
            var found = references.map { reference in
                ImageClone(
                    pool: pool,
                    namespace: reference.namespace,
                    image: "",
                    imageID: reference.imageID,
                    snapshot: snapshot.name,
                    isInTrash: false
                )
            }
            do throws(CephError) {
                let names = try IOContext(poolID: place.poolID, namespace: place.namespace, rados: context.rados)
                for index in found.indices {
                    guard let image = try ImageReader.find(id: found[index].imageID, in: names) else { continue }
                    found[index].image = image.name
                    found[index].isInTrash = image.isInTrash
                }
            } catch  where error.code != .timedOut && error.code != .clientBlocklisted {
                // The pool is gone, or the service may not read it: the ids are returned.
            }
            clones += found
        }
        return Self.sorted(clones)
    }

    /// The clones of format 2 in the image's own header.
    private func references(
        ofSnapshot id: UInt64,
        in context: borrowing IOContext
    ) throws(CephError) -> [CloneReference] {
        guard let image = try imageID() else { return [] }
        return try context.clones(ofSnapshot: id, ofImage: image, on: resource)
    }

    /// Clones of both formats.
    private func listChildren(of snapshot: SnapshotInfo) throws(CephError) -> [ImageClone] {
        let set = rbd_snap_set_by_id(pointer, snapshot.id)
        // The snapshot was just removed.
        if set == -ENOENT { return [] }
        try check(set, .readImage, on: resource)
        return try GrowingRoom.fill(from: 64) {
            rbd_list_children3(pointer, $0, &$1)
        } then: { (list: UnsafeMutablePointer<rbd_linked_image_spec_t>, count, result) throws(CephError) in
            try check(result, .readImage, on: resource)
            defer { rbd_linked_image_spec_list_cleanup(list, count) }
            return Self.sorted(
                (0..<count).map { index in
                    ImageClone(
                        pool: String(cString: list[index].pool_name),
                        namespace: String(cString: list[index].pool_namespace),
                        image: String(cString: list[index].image_name),
                        imageID: String(cString: list[index].image_id),
                        snapshot: snapshot.name,
                        isInTrash: list[index].trash
                    )
                }
            )
        }
    }

    private static func sorted(_ clones: [ImageClone]) -> [ImageClone] {
        clones.sorted {
            ($0.pool, $0.namespace, $0.image, $0.imageID) < ($1.pool, $1.namespace, $1.image, $1.imageID)
        }
    }

    /// - Returns: nil for images of the old format 1, which can't have clones of format 2.
    func imageID() throws(CephError) -> String? {
        var isOld: UInt8 = 0
        try check(rbd_get_old_format(pointer, &isOld), .readImage, on: resource)
        if isOld != 0 { return nil }
        var buffer = [CChar](repeating: 0, count: 256)
        try check(rbd_get_id(pointer, &buffer, buffer.count), .readImage, on: resource)
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
