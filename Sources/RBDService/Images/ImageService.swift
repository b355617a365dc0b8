// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// The rules of images: the checks, what may run concurrently, and what a repeated request means.
struct ImageService: Sendable {
    let images: ImageAccess
    let repair: ImageRepair
    let operations: OperationService
    let keeper: TrashKeeper

    func get(_ name: String, in place: Place) async throws -> RBDAPI.Image {
        RBDAPI.Image(try await images.pool(place).image(named: name), in: place)
    }

    /// Creates an image that does not exist yet.
    func create(
        _ name: String,
        _ properties: ImageProperties,
        in place: Place,
        isDryRun: Bool
    ) async throws -> Attempt<RBDAPI.Image> {
        try ImageRules.checkName(name, field: "name", what: "image")
        let rules = ImageRules(properties: properties)
        if isDryRun {
            let creation = try await step(creating: name, rules, in: place)
            guard try await existingOrMendable(name, in: place) == nil else {
                throw CephError(.imageExists, .createImage, on: .image(place.image(name)))
            }
            return Attempt(creation)
        }
        for _ in 0..<Self.attempts {
            if let image = try await make(name, rules, in: place) { return .done(RBDAPI.Image(image, in: place)) }
            if try await whole(name, in: place, isTaken: true) != nil {
                throw CephError(.imageExists, .createImage, on: .image(place.image(name)))
            }
        }
        throw Problem.incomplete(.image(place.image(name)))
    }

    /// Makes sure that the image exists as described. It never changes an existing image.
    /// - Returns: the image, and whether this request has created it.
    func put(
        _ name: String,
        _ properties: ImageProperties,
        in place: Place,
        if precondition: Precondition = .none,
        isDryRun: Bool
    ) async throws -> Attempt<(image: RBDAPI.Image, isNew: Bool)> {
        try ImageRules.checkName(name, field: "image", what: "image")
        let rules = ImageRules(properties: properties)
        // Impossible options are refused even if the image exists.
        _ = try rules.options()
        if isDryRun {
            if !precondition.isEmpty {
                let image = try await images.existing(name, in: place)
                try precondition.check(image.map { RBDAPI.Image($0, in: place) })
            }
            // This comes before the check of the source: a clone may exist whose source is gone.
            if let image = try await existingOrMendable(name, in: place) {
                try await requireSame(image, rules, in: place)
                return Attempt([])
            }
            return Attempt(try await step(creating: name, rules, in: place))
        }
        let (image, isNew) = try await ensure(name, rules, in: place) { image in
            try precondition.check(image.map { RBDAPI.Image($0, in: place) })
        }
        if !isNew { try await requireSame(image, rules, in: place) }
        return .done((RBDAPI.Image(image, in: place), isNew))
    }

    var deletion: ImageDeletion {
        ImageDeletion(images: images, repair: repair, operations: operations, keeper: keeper)
    }

    /// Finds the image with this name, whatever its properties, or creates it. It looks for the image first: a full
    /// pool, or a name that could not be created, is no reason to refuse an existing image.
    /// - Parameter announce: called before the image is created, if there is none. Another request may still be faster.
    /// - Returns: the image, and whether this request has created it.
    func findOrCreate(
        _ name: String,
        _ properties: ImageProperties,
        in place: Place,
        announce: () async throws -> Void = {}
    ) async throws -> (image: ImageInfo, isNew: Bool) {
        if let image = try await whole(name, in: place) { return (image, false) }
        try ImageRules.checkName(name, field: "image", what: "image")
        try await announce()
        return try await ensure(name, ImageRules(properties: properties), in: place)
    }

    /// The number of attempts to find or create an image. Other clients do not take the name anew each time.
    private static let attempts = 3

    /// Finds the image with this name, or creates it. An existing image is only read, not claimed.
    /// - Parameter check: called with the image, or nil if there is none. It throws if the request's precondition
    ///   fails.
    private func ensure(
        _ name: String,
        _ rules: ImageRules,
        in place: Place,
        check: (ImageInfo?) throws -> Void = { _ in }
    ) async throws -> (image: ImageInfo, isNew: Bool) {
        for attempt in 0..<Self.attempts {
            if let image = try await whole(name, in: place, isTaken: attempt > 0) {
                try check(image)
                return (image, false)
            }
            try check(nil)
            if let image = try await make(name, rules, in: place) { return (image, true) }
        }
        throw Problem.incomplete(.image(place.image(name)))
    }

    /// The image with this name. An incomplete image is completed first, or removed.
    /// - Parameter isTaken: whether an attempt to create the image has found the name taken. If there is no image then,
    ///   something incomplete has the name.
    /// - Returns: nil if no image has the name.
    private func whole(_ name: String, in place: Place, isTaken: Bool = false) async throws -> ImageInfo? {
        let pool = try images.pool(place)
        do {
            let image = try await pool.image(named: name)
            guard image.isBeingRemoved else { return try await completed(image, in: place) }
        } catch let error as CephError where error.code == .imageNotFound || error.code == .imageIncomplete {
            if error.code == .imageNotFound, !isTaken { return nil }
        }
        return try await images.holding(name, in: place, for: .createImage, .createImage) { standing in
            switch try await repair.mend(standing, in: pool) {
            case .whole where standing.state == .free: nil
            case .whole, .completed: try await pool.image(named: name)
            case .freed, .trashed, .removing: nil
            }
        }
    }

    /// Finishes an image whose create was interrupted. It is claimed only if something is missing.
    private func completed(_ image: ImageInfo, in place: Place) async throws -> ImageInfo {
        let pool = try images.pool(place)
        async let missing = pool.missingParts(of: image)
        let unattached = image.parent == nil ? nil : try await pool.unattachedClone(image)
        let isComplete = try await missing.isEmpty && unattached == nil
        if isComplete { return image }
        return try await images.changing(image.name, in: place, for: .createImage, .repairImage) { image in
            try await pool.makeNameObject(try await pool.standing(of: image.fullName))
            try await pool.completeObjectMap(of: image)
            try await repair.completeClone(image, in: pool)
            return image
        }
    }

    /// Creates the image.
    /// - Returns: nil if the name is taken.
    private func make(_ name: String, _ rules: ImageRules, in place: Place) async throws -> ImageInfo? {
        let options = try rules.options()
        try images.requireAllowed(rules.properties.size?.bytes)
        let source = try rules.source(in: place)
        do {
            if let source {
                if let size = rules.properties.size {
                    try await requireSize(size, of: source, for: name, in: images.pool(place))
                }
                return try await clone(source, to: name, options, in: place, dataPool: rules.properties.dataPool)
            }
            let size = rules.properties.size?.bytes ?? 0
            return try await images.making([name], in: place, dataPool: rules.properties.dataPool) {
                try await images.pool(place).createImage(named: name, sizeBytes: size, options: options)
            }
        } catch let error as CephError {
            switch error.code {
            case .imageExists: return nil
            case .invalidImageOption:
                let refusal = ErasureCodedPools(try images.pool(place), dataPool: rules.properties.dataPool)
                throw await refusal.problem(error, .image(place.image(name))) ?? rules.explain(error)
            default: throw error
            }
        }
    }

    /// Clones under a temporary name, and renames the clone when it is complete.
    private func clone(
        _ source: SnapshotSpec,
        to name: String,
        _ options: ImageOptions,
        in place: Place,
        dataPool: String?
    ) async throws -> ImageInfo {
        let temporary = TemporaryClone.newName()
        return try await images.making([name, temporary], in: place, for: .cloneImage, dataPool: dataPool) {
            let pool = try images.pool(place)
            guard try await pool.standing(of: RawName(name)).state == .free else {
                throw CephError(.imageExists, .cloneImage, on: .image(place.image(name)))
            }
            let clone: ImageInfo
            do {
                clone = try await pool.cloneImage(named: temporary, from: source, options: options)
            } catch var error as CephError {
                // Callers do not know the temporary name.
                if error.resource == .image(place.image(temporary)) { error.resource = .image(place.image(name)) }
                throw error
            }
            do {
                try await pool.renameImage(RawName(temporary), id: clone.id, to: RawName(name))
            } catch let error as CephError {
                // If the outcome is unknown, the clone is cleaned up later, when it is known.
                if !error.code.leavesDoubt {
                    try await TemporaryClone.discard(RawName(temporary), id: clone.id, in: pool, operations.store)
                }
                throw error
            }
            return try await pool.image(named: name)
        }
    }

}

extension RBDAPI.Image {
    init(_ info: ImageInfo, in place: Place) {
        if let trouble = info.trouble {
            let state = trouble.code == .imageIncomplete ? "incomplete" : "unreadable"
            self.init(spec: place.image(info.name), id: info.id, state: state, problem: Problem(trouble))
            return
        }
        self.init(
            spec: place.image(info.name),
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
