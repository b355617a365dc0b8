// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension ImageRules {
    /// The snapshot to clone.
    /// - Returns: nil if the request names no source.
    /// - Throws: `Problem` with `invalid-source`.
    func source(in place: Place) throws(Problem) -> SnapshotSpec? {
        guard let source = properties.source else { return nil }
        guard let snapshot = source.snapshot else {
            throw Problem(.invalidSource, "source", "it names no snapshot", remedy: .nameSource)
        }
        try source.checkNames()
        return Place(pool: source.pool ?? place.pool, namespace: source.namespace ?? "").image(source.image).snapshot(
            snapshot
        )
    }
}

extension ImageService {
    /// Refuses a size that differs from the source's. A clone always has the size of its source.
    /// - Throws: `Problem` with `invalid-size`.
    func requireSize(_ size: ByteCount, of source: SnapshotSpec, for name: String, in pool: Ceph.Pool) async throws {
        let snapshots: [SnapshotInfo]
        do {
            snapshots = try await pool.cluster.pool(source.image.place).snapshots(ofImage: source.image.image)
        } catch let error as CephError where error.code.isNotFound {
            // The clone call reports this error itself, or finds that the clone already exists.
            return
        }
        guard let snapshot = snapshots.first(where: { $0.kind == .user && $0.name == source.snapshot }) else { return }
        guard size.bytes != snapshot.sizeBytes else { return }
        throw Problem(
            .invalidSize,
            "size",
            "a clone has the size of its source; \(source) has \(ByteCount(snapshot.sizeBytes))",
            hint: "leave the size out, and change it afterwards"
        )
    }

    /// - Throws: `Problem` with `image-differs`.
    func requireSame(_ image: ImageInfo, _ rules: ImageRules, in place: Place) async throws {
        var differences = rules.differences(from: image, in: place.pool)
        if let source = try rules.source(in: place), let actual = try await otherSource(of: image, than: source) {
            differences.append(Problem.Difference(field: "source", requested: "\(source)", actual: actual))
        }
        guard !differences.isEmpty else { return }
        throw Problem(
            .imageDiffers,
            detail: "image \"\(place.image(image.name))\" exists already and differs in "
                + differences.map(\.field).joined(separator: ", "),
            field: differences.first?.field,
            hint: rules.properties.source != nil && image.parent == nil
                ? "the image may be an interrupted clone: delete it if you do not need it, or choose another name"
                : "use the values of the existing image, or choose another name",
            differences: differences
        )
    }

    /// What an image was cloned from. Another image may have the parent's name by now. So the ids are compared, as long
    /// as the source exists.
    /// - Returns: nil if the image is a clone of exactly this snapshot.
    private func otherSource(of image: ImageInfo, than source: SnapshotSpec) async throws -> String? {
        guard let parent = image.parent else { return "none" }
        let actual = Place(pool: parent.pool, namespace: parent.namespace).image(parent.image).snapshot(parent.snapshot)
        guard Access.current.may(.read, actual.image) else { return "an image that is out of scope" }
        guard actual == source else { return "\(actual)" }
        let pool = try images.pool(source.image.place)
        let found: ImageInfo
        do {
            found = try await pool.image(named: source.image.image)
        } catch let error as CephError where error.code.isNotFound {
            return nil
        }
        guard found.id != parent.imageID else { return nil }
        return "\(actual), but of an image with the id \(parent.imageID), not \(found.id)"
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
