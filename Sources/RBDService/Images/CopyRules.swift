// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension ImageProperties {
    /// Whether the request asks for a copy: its source is an image, not a snapshot.
    var isCopy: Bool { source.map { $0.snapshot == nil } ?? false }
}

/// The rules for creating an image as a copy of another image.
extension ImageWorkService {
    /// - Returns: the source image, and the copy operation; nil if the request does not ask for a copy.
    /// - Throws: `Problem` with `invalid-source`, `invalid-image-option`, `invalid-size`, `invalid-name`; `CephError`
    ///   with `.sourceNotFound`, `.imageExists`, and the errors of a missing pool or namespace.
    func copy(_ request: CreateImageRequest, in place: Place) async throws -> (subject: Subject, work: Work)? {
        let properties = request.properties
        guard properties.isCopy, let source = properties.source else { return nil }
        try source.checkNames()
        let options: [(field: String, isGiven: Bool)] = [
            ("features", properties.features != nil), ("objectSize", properties.objectSize != nil),
            ("stripeUnit", properties.stripeUnit != nil), ("stripeCount", properties.stripeCount != nil),
            ("dataPool", properties.dataPool != nil),
        ]
        if let field = options.first(where: \.isGiven)?.field {
            throw Problem(
                .invalidImageOption,
                field,
                "a copy has the \(field) of its source",
                hint: "leave \(field) out, or clone a snapshot: a clone can have its own"
            )
        }
        let subject = try await subject(of: source, in: place)
        if let size = properties.size, size.bytes != subject.info.sizeBytes {
            throw Problem(
                .invalidSize,
                "size",
                "a copy has the size of its source; \(subject.spec) has \(ByteCount(subject.info.sizeBytes))",
                hint: "leave the size out, and change it afterwards"
            )
        }
        let copy = CopyImageRequest(name: request.name, pool: place.pool, namespace: place.namespace)
        return (subject, try await self.copy(subject, copy))
    }

    private func subject(of source: ImageSource, in place: Place) async throws -> Subject {
        let place = Place(pool: source.pool ?? place.pool, namespace: source.namespace ?? "")
        do {
            return try await subject(source.image, in: place)
        } catch var problem as Problem {
            problem.field = "source"
            throw problem
        } catch let error as CephError {
            switch error.code {
            case .poolNotFound, .namespaceNotFound, .imageNotFound:
                throw CephError(.sourceNotFound, .copyImage, on: .image(place.image(source.image)), errno: error.errno)
            default: throw error
            }
        }
    }
}

extension ImageSource {
    /// - Throws: `Problem` with `invalid-source`.
    func checkNames() throws(Problem) {
        let names = [pool, image, snapshot].compactMap(\.self)
        guard !names.contains(""), !(names + [namespace ?? ""]).contains(where: { $0.utf8.contains(0) }) else {
            throw Problem(.invalidSource, "source", "a name is empty, or contains a zero byte")
        }
    }
}
