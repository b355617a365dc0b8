// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import RBDAPI

/// The rules of images: what is checked, what may run side by side, what a repeated request means.
struct ImageService: Sendable {
    let connection: ClusterConnection
    let locks: KeyedLocks

    /// A pool, or a namespace of it, as a request names it.
    struct Place: Hashable {
        var pool: String
        var namespace: String

        func spec(_ image: String) -> ImageSpec {
            ImageSpec(pool: pool, namespace: namespace, image: image)
        }
    }

    enum PutOutcome {
        case created(RBDAPI.Image)
        case existed(RBDAPI.Image)
    }

    func list(
        in place: Place,
        prefix: String,
        after cursor: Cursor?,
        limit: Int
    ) async throws -> Page<RBDAPI.Image> {
        let position = cursor.map { ImagePosition(name: $0.name, id: $0.id) }
        let page = try await pool(place).images(prefix: prefix, after: position, limit: limit)
        return Page(
            items: page.images.map { RBDAPI.Image($0, in: place) },
            nextCursor: page.next.map { Cursor(name: $0.name, id: $0.id).text }
        )
    }

    func get(_ name: String, in place: Place) async throws -> RBDAPI.Image {
        RBDAPI.Image(try await pool(place).image(named: name), in: place)
    }

    /// Creates an image that does not exist yet. librbd decides who was first.
    func create(_ name: String, _ properties: ImageProperties, in place: Place) async throws -> RBDAPI.Image {
        try ImageRules.checkName(name, field: "name", what: "image")
        return try await alone(name, in: place, .createImage) {
            RBDAPI.Image(try await make(name, ImageRules(properties), in: place), in: place)
        }
    }

    /// Sees to it that the image exists as described. It never changes one that does.
    func put(_ name: String, _ properties: ImageProperties, in place: Place) async throws -> PutOutcome {
        try ImageRules.checkName(name, field: "image", what: "image")
        let rules = ImageRules(properties)
        return try await alone(name, in: place, .createImage) {
            do {
                return .created(RBDAPI.Image(try await make(name, rules, in: place), in: place))
            } catch let error as CephError where error.code == .imageExists {
                let image = try await existing(name, in: place)
                let differences = rules.differences(from: image, in: place.pool)
                guard differences.isEmpty else {
                    throw Problem(
                        .imageDiffers,
                        detail: "image \"\(place.spec(name))\" exists already and differs in "
                            + differences.map(\.field).joined(separator: ", "),
                        field: differences.first?.field,
                        hint: "repeat the request with the image's own values, or choose another name",
                        differences: differences
                    )
                }
                return .existed(RBDAPI.Image(image, in: place))
            }
        }
    }

    /// Removes an image with its data, unless somebody or something holds on to it.
    func delete(_ name: String, in place: Place) async throws {
        try await alone(name, in: place, .removeImage) {
            let pool = try pool(place)
            do {
                let use = try await pool.use(ofImage: name)
                if let problem = Problem(use, of: place.spec(name)) { throw problem }
            } catch let error as CephError where error.code == .imageNotFound {
                // An interrupted create or delete leaves a name that can't be opened. Removing it clears it away.
            }
            try await pool.removeImage(named: name)
        }
    }

    private func pool(_ place: Place) throws -> Ceph.Pool {
        try connection.cluster().pool(place.pool, namespace: place.namespace)
    }

    private func alone<Value: Sendable>(
        _ name: String,
        in place: Place,
        _ operation: CephError.Operation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let resource = CephError.Resource.image(name, namespace: place.namespace, pool: place.pool)
        // No part can hold a zero byte: requests with one are refused.
        let key = [place.pool, place.namespace, name].joined(separator: "\0")
        return try await locks.withLock(key, on: resource, operation, body)
    }

    private func make(_ name: String, _ rules: ImageRules, in place: Place) async throws -> ImageInfo {
        let options = try rules.options()
        do {
            return try await pool(place).createImage(
                named: name,
                sizeBytes: rules.properties.size.bytes,
                options: options
            )
        } catch let error as CephError where error.code == .invalidImageOption {
            throw rules.explain(error)
        }
    }

    /// Reads an image that librbd says is there. Another process may be in the middle of making it: its name is taken
    /// first and its header written last.
    private func existing(_ name: String, in place: Place) async throws -> ImageInfo {
        var attemptsLeft = 10
        while true {
            do {
                return try await pool(place).image(named: name)
            } catch let error as CephError where error.code == .imageNotFound {
                attemptsLeft -= 1
                guard attemptsLeft > 0 else {
                    throw Problem(
                        .imageExists,
                        detail: "the name of image \"\(place.spec(name))\" is taken, but there is no image behind it: "
                            + "a create was interrupted",
                        field: "image",
                        hint: "rbd rm \(place.spec(name)) frees the name, even though it reports an error"
                    )
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }
}

extension RBDAPI.Image {
    init(_ info: ImageInfo, in place: ImageService.Place) {
        self.init(
            spec: place.spec(info.name),
            id: info.id,
            sizeBytes: info.sizeBytes,
            objectSizeBytes: info.objectSizeBytes,
            stripeUnitBytes: info.stripeUnitBytes,
            stripeCount: info.stripeCount,
            features: info.features.names,
            snapshotCount: info.snapshotCount,
            createdAt: info.createdAt.map { $0.formatted(.iso8601) },
            dataPool: info.dataPool,
            parent: info.parent.map { parent in
                ParentImage(
                    spec: ImageSpec(pool: parent.pool, namespace: parent.namespace, image: parent.image),
                    imageID: parent.imageID,
                    snapshot: parent.snapshot,
                    overlapBytes: parent.overlapBytes
                )
            }
        )
    }
}
