// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What only dry runs of creating an image check.
extension ImageService {
    /// - Returns: nil if the name is free, or if only an incomplete image has it that creating would remove.
    /// - Throws: `Problem` with `image-incomplete` if another program may still be working on the image.
    func existingOrMendable(_ name: String, in place: Place) async throws -> ImageInfo? {
        do {
            if let image = try await images.existing(name, in: place), !image.isBeingRemoved { return image }
        } catch let error as CephError where error.code == .imageIncomplete {
            // Checked below.
        }
        let pool = try images.pool(place)
        let resource = pool.resource(ofImage: name)
        let standing = try await pool.standing(of: RawName(name))
        guard standing.state == .free || repair.remnants.isStale(.name(standing), of: resource) else {
            throw Problem.incomplete(resource)
        }
        return nil
    }

    /// Makes the checks that librbd makes when it creates an image.
    func step(creating name: String, _ rules: ImageRules, in place: Place) async throws -> Plan.Step {
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
        // If the request names no features, only Ceph knows whether the image gets an object map.
        if rules.properties.features != nil, let objection = rules.objectionToSize { throw objection }
        try await requireUsablePools(pool, dataPool, image)
        let spec = place.image(name).description
        if let source { return Plan.Step(.cloneImage, spec, detail: "from \(source)") }
        return Plan.Step(.createImage, spec, detail: "of \(rules.properties.size ?? ByteCount(0))")
    }

    /// Checks the pools, as far as the monitors answer. If they don't, the create itself finds out: it needs no
    /// monitor.
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
