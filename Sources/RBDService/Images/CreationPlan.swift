// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What creating an image would come to.
extension ImageService {
    func planCreate(_ name: String, _ properties: ImageProperties, in place: Place) async throws -> Plan {
        try ImageRules.checkName(name, field: "name", what: "image")
        let rules = ImageRules(properties)
        let step = try await planned(name, rules, in: place)
        guard try await existingOrMendable(name, in: images.pool(place)) == nil else {
            throw CephError(.imageExists, .createImage, on: .image(place.image(name)))
        }
        return Plan(steps: [step])
    }

    func planPut(
        _ name: String,
        _ properties: ImageProperties,
        in place: Place,
        if precondition: Precondition = .none
    ) async throws -> Plan {
        try ImageRules.checkName(name, field: "image", what: "image")
        try await require(precondition, of: name, in: place)
        let rules = ImageRules(properties)
        _ = try rules.options()
        // Before the source is looked at: it may be gone, and the clone still be there.
        if let image = try await existingOrMendable(name, in: images.pool(place)) {
            try await requireSame(image, rules, in: place)
            return Plan(steps: [])
        }
        return Plan(steps: [try await planned(name, rules, in: place)])
    }

    /// - Returns: nil where the name is free, and where it would be freed because what has it is half-made.
    /// - Throws: `Problem` with `image-incomplete` where somebody may be in the middle of it.
    private func existingOrMendable(_ name: String, in pool: Ceph.Pool) async throws -> ImageInfo? {
        do {
            if let image = try await existing(name, in: pool), !image.isBeingRemoved { return image }
        } catch let error as CephError where error.code == .imageIncomplete {
            // Looked at below.
        }
        let resource = pool.resource(ofImage: name)
        let standing = try await pool.standing(of: RawName(name))
        guard standing.state == .free || repair.remnants.isStale(.name(standing), of: resource) else {
            throw Problem.incomplete(resource)
        }
        return nil
    }

    /// Checks what librbd would find out in the making.
    private func planned(_ name: String, _ rules: ImageRules, in place: Place) async throws -> Plan.Step {
        _ = try rules.options()
        try images.requireAllowed(rules.properties.size?.bytes)
        let pool = try images.pool(place)
        let dataPool = rules.properties.dataPool
        if let dataPool {
            do {
                _ = try await pool.cluster.poolInfo(named: dataPool)
            } catch let error as CephError where error.code == .poolNotFound {
                throw CephError(.dataPoolNotFound, .createImage, on: .image(place.image(name)))
            }
        }
        let source = try rules.source(in: place)
        if let source {
            if let size = rules.properties.size { try await requireSize(size, of: source, for: name, in: pool) }
            try await pool.requireCloneable(source)
        }
        let image = CephError.Resource.image(place.image(name))
        // Where the features are Ceph's to choose, only it knows whether there is an object map.
        if rules.properties.features != nil, let objection = rules.objectionToSize { throw objection }
        try await requireUsablePools(pool, dataPool, image)
        let spec = place.image(name).description
        if let source { return Plan.Step("clone-image", spec, detail: "from \(source)") }
        return Plan.Step("create-image", spec, detail: "of \(rules.properties.size ?? ByteCount(0))")
    }

    /// What the monitors know of the pools. While they are away it is left to the making, which needs no monitor.
    private func requireUsablePools(
        _ pool: Ceph.Pool,
        _ dataPool: String?,
        _ image: CephError.Resource
    ) async throws {
        let brief = ContinuousClock.now + .seconds(2)
        try await Deadline.$current.withValue(min(Deadline.current ?? brief, brief)) {
            let bare = CephError(.invalidImageOption, .createImage, on: image)
            if let problem = await ErasureCodedPools(pool, dataPool: dataPool).problem(bare, image) { throw problem }
            try await PoolFullness(pool, dataPool: dataPool).requireRoom(for: .createImage, on: image)
        }
    }
}
