// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import RBDAPI

/// The rules of images: what is checked, what may run side by side, what a repeated request means.
struct ImageService: Sendable {
    let images: ImageAccess
    let remnants: Remnants
    let operations: OperationService
    let keeper: TrashKeeper

    enum PutOutcome {
        case created(RBDAPI.Image)
        case existed(RBDAPI.Image)
    }

    func get(_ name: String, in place: ImagePlace) async throws -> RBDAPI.Image {
        RBDAPI.Image(try await images.pool(place).image(named: name), in: place)
    }

    /// Creates an image that does not exist yet. librbd decides who was first.
    func create(_ name: String, _ properties: ImageProperties, in place: ImagePlace) async throws -> RBDAPI.Image {
        try ImageRules.checkName(name, field: "name", what: "image")
        let rules = ImageRules(properties)
        return try await images.alone(name, in: place, .createImage, dataPool: properties.dataPool) {
            switch try await ensure(name, rules, in: place) {
            case .created(let image): return RBDAPI.Image(image, in: place)
            case .existed: throw CephError(.imageExists, .createImage, on: place.resource(name))
            }
        }
    }

    /// Sees to it that the image exists as described. It never changes one that does.
    func put(
        _ name: String,
        _ properties: ImageProperties,
        in place: ImagePlace,
        if precondition: Precondition = .none
    ) async throws -> PutOutcome {
        try ImageRules.checkName(name, field: "image", what: "image")
        let rules = ImageRules(properties)
        return try await images.alone(name, in: place, .createImage, dataPool: properties.dataPool) {
            try await require(precondition, of: name, in: place)
            switch try await ensure(name, rules, in: place) {
            case .created(let image):
                return .created(RBDAPI.Image(image, in: place))
            case .existed(let image):
                try await requireSame(image, rules, in: place)
                if rules.properties.source != nil { try await repair.completeClone(image, in: images.pool(place)) }
                return .existed(RBDAPI.Image(image, in: place))
            }
        }
    }

    /// Deletes an image, unless somebody or something holds on to it.
    /// - Parameter delay: for how long it can be restored; nil to purge it at once.
    func delete(
        _ name: String,
        in place: ImagePlace,
        keptFor delay: Duration?,
        if precondition: Precondition = .none
    ) async throws -> ImageDeletion.Outcome {
        try await images.alone(name, in: place, .moveToTrash) {
            try await require(precondition, of: name, in: place)
            return try await deletion.delete(name, in: place, keptFor: delay)
        }
    }

    func planToDelete(
        _ name: String,
        in place: ImagePlace,
        keptFor delay: Duration?,
        if precondition: Precondition = .none
    ) async throws -> Plan {
        try await require(precondition, of: name, in: place)
        return try await deletion.plan(name, in: place, keptFor: delay)
    }

    /// Asks for the image only where something is expected of it.
    func require(_ precondition: Precondition, of name: String, in place: ImagePlace) async throws {
        guard !precondition.isEmpty else { return }
        try precondition.check(try await existing(name, in: images.pool(place)).map { RBDAPI.Image($0, in: place) })
    }

    private var deletion: ImageDeletion {
        ImageDeletion(images: images, repair: repair, operations: operations, keeper: keeper)
    }

    enum Ensured {
        case created(ImageInfo)
        case existed(ImageInfo)
    }

    /// Finds the image that has the name, whatever it is like, or creates it. It is looked for first: a pool that is full, or a name
    /// that could not be made, is no reason to refuse what is there.
    func findOrCreate(_ name: String, _ properties: ImageProperties, in place: ImagePlace) async throws -> Ensured {
        try await images.alone(name, in: place, .createImage, dataPool: properties.dataPool) {
            let pool = try images.pool(place)
            if let image = try await existing(name, in: pool), !image.isBeingRemoved {
                // Whoever made it may have been interrupted.
                try await pool.completeObjectMap(of: image)
                return .existed(image)
            }
            try ImageRules.checkName(name, field: "image", what: "image")
            return try await ensure(name, ImageRules(properties), in: place)
        }
    }

    /// Creates the image, or finds the one that has its name. What was left half-made by others is cleared up first.
    private func ensure(_ name: String, _ rules: ImageRules, in place: ImagePlace) async throws -> Ensured {
        let options = try rules.options()
        let source = try rules.source(in: place)
        let pool = try images.pool(place)
        if let source, let size = rules.properties.size { try await requireSize(size, of: source, for: name, in: pool) }
        // Each round begins with a cleared name. Somebody who takes it each time anew is no case of ours.
        for _ in 0..<3 {
            do {
                if let source {
                    return .created(try await pool.cloneImage(named: name, from: source, options: options))
                }
                let size = rules.properties.size?.bytes ?? 0
                return .created(try await pool.createImage(named: name, sizeBytes: size, options: options))
            } catch let error as CephError {
                switch error.code {
                case .imageExists: break
                case .sourceNotFound:
                    // A clone stays when what it was made from goes to the trash: the request may be a repetition.
                    guard let image = try await existing(name, in: pool) else { throw error }
                    return .existed(image)
                case .invalidImageOption:
                    let refusal = ErasureCodedPools(pool, dataPool: rules.properties.dataPool)
                    throw await refusal.problem(error, place.resource(name)) ?? rules.explain(error)
                default: throw error
                }
            }
            if let image = try await repair.settle(name, in: pool) { return .existed(image) }
        }
        throw ImageRepair.incomplete(place.resource(name))
    }

    private var repair: ImageRepair { ImageRepair(remnants: remnants) }
}

extension RBDAPI.Image {
    init(_ info: ImageInfo, in place: ImagePlace) {
        self.init(
            spec: place.spec(info.name),
            id: info.id,
            state: info.isBeingRemoved ? "removing" : "ready",
            sizeBytes: info.sizeBytes,
            objectSizeBytes: info.objectSizeBytes,
            stripeUnitBytes: info.stripeUnitBytes,
            stripeCount: info.stripeCount,
            features: info.features.names,
            snapshotCount: info.snapshotCount,
            createdAt: info.createdAt.map { $0.formatted(.iso8601) },
            dataPool: info.dataPool,
            parent: info.parent.map(ParentImage.init),
            flags: info.flags.names,
            operationFeatures: info.operationFeatures.names,
            modifiedAt: info.modifiedAt.map { $0.formatted(.iso8601) },
            accessedAt: info.accessedAt.map { $0.formatted(.iso8601) },
            group: info.group.map { ImageGroup(pool: $0.pool, namespace: $0.namespace, name: $0.name) }
        )
        metadata = info.plainMetadata
        qos = info.metadata == nil ? nil : info.qos
    }
}
