// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

extension ImageRules {
    /// The snapshot to clone.
    /// - Returns: nil for an image that is made from nothing.
    /// - Throws: `Problem` with `invalid-source`.
    func source(in place: ImagePlace) throws(Problem) -> SnapshotLocation? {
        guard let source = properties.source else { return nil }
        guard let snapshot = source.snapshot else {
            throw Problem(
                .invalidSource,
                detail: "source: it names no snapshot",
                field: "source",
                hint: "POST .../images with this source copies the image; for a clone, take a snapshot of it first "
                    + "(POST .../snapshots), and name it in source.snapshot"
            )
        }
        try source.checkNames()
        return SnapshotLocation(
            pool: source.pool ?? place.pool,
            namespace: source.namespace ?? "",
            image: source.image,
            snapshot: snapshot
        )
    }
}

extension ImageService {
    /// A clone is as large as its source, whatever is asked for.
    /// - Throws: `Problem` with `invalid-size`.
    func requireSize(_ size: ByteCount, of source: SnapshotLocation, for name: String, in pool: Ceph.Pool) async throws
    {
        let snapshots: [SnapshotInfo]
        do {
            snapshots = try await pool.cluster.pool(source.pool, namespace: source.namespace)
                .snapshots(ofImage: source.image)
        } catch let error as CephError where error.code.isNotFound {
            // The clone itself says so, or finds that it is there already.
            return
        }
        guard let snapshot = snapshots.first(where: { $0.kind == .user && $0.name == source.snapshot }) else { return }
        guard size.bytes != snapshot.sizeBytes else { return }
        throw Problem(
            .invalidSize,
            detail: "size: a clone of \(source.spec) has its size, \(ByteCount(snapshot.sizeBytes))",
            field: "size",
            hint: "leave size out, and change it afterwards"
        )
    }

    func existing(_ name: String, in pool: Ceph.Pool) async throws -> ImageInfo? {
        do {
            return try await pool.image(named: name)
        } catch let error as CephError where error.code == .imageNotFound {
            return nil
        }
    }

    /// - Throws: `Problem` with `image-differs`.
    func requireSame(_ image: ImageInfo, _ rules: ImageRules, in place: ImagePlace) async throws {
        var differences = rules.differences(from: image, in: place.pool)
        if let source = try rules.source(in: place), let difference = try await difference(of: image, from: source) {
            differences.append(difference)
        }
        guard !differences.isEmpty else { return }
        throw Problem(
            .imageDiffers,
            detail: "image \"\(place.spec(image.name))\" exists already and differs in "
                + differences.map(\.field).joined(separator: ", "),
            field: differences.first?.field,
            hint: rules.properties.source != nil && image.parent == nil
                ? "an interrupted clone looks so, too: delete the image if it is of no use, or choose another name"
                : "repeat the request with the image's own values, or choose another name",
            differences: differences
        )
    }

    /// Whether an image is a clone of exactly that snapshot. Names may have passed on to others since: ids decide, as long as
    /// the source is there.
    private func difference(
        of image: ImageInfo,
        from source: SnapshotLocation
    ) async throws -> Problem.Difference? {
        guard let parent = image.parent else {
            return Problem.Difference(field: "source", requested: source.spec, actual: "none")
        }
        let actual = SnapshotLocation(
            pool: parent.pool,
            namespace: parent.namespace,
            image: parent.image,
            snapshot: parent.snapshot
        )
        guard Access.current.may(.read, ImageSpec(pool: parent.pool, namespace: parent.namespace, image: parent.image))
        else {
            return Problem.Difference(field: "source", requested: source.spec, actual: "an image that is out of scope")
        }
        guard actual == source else {
            return Problem.Difference(field: "source", requested: source.spec, actual: actual.spec)
        }
        let pool = try images.pool(ImagePlace(pool: source.pool, namespace: source.namespace))
        let found: ImageInfo
        do {
            found = try await pool.image(named: source.image)
        } catch let error as CephError where error.code.isNotFound {
            return nil
        }
        guard found.id != parent.imageID else { return nil }
        return Problem.Difference(
            field: "source",
            requested: source.spec,
            actual: "\(actual.spec) of an image of that name with the id \(parent.imageID), not \(found.id)"
        )
    }
}

extension SnapshotLocation {
    /// As Ceph writes it.
    var spec: String {
        SnapshotSpec(image: ImageSpec(pool: pool, namespace: namespace, image: image), snapshot: snapshot).description
    }
}

extension CephError.Code {
    fileprivate var isNotFound: Bool {
        switch self {
        case .poolNotFound, .namespaceNotFound, .imageNotFound, .snapshotNotFound: true
        default: false
        }
    }
}
