// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Changes of images that are there.
extension ImageService {
    /// Makes all the changes, or none.
    func update(
        _ name: String,
        _ request: UpdateImageRequest,
        in place: ImagePlace,
        if precondition: Precondition
    ) async throws -> RBDAPI.Image {
        try await alone(name, renamedTo: request.name, in: place) {
            let (image, update) = try await prepared(name, request, in: place, if: precondition)
            let pool = try images.pool(place)
            guard !update.steps.isEmpty else { return RBDAPI.Image(image, in: place) }
            try await requireRoom(for: update, of: name, in: place)
            let outcome = try await images.telling(usersOf: name, in: place) {
                try await pool.changeImage(named: name, id: image.id, update.steps.map(\.change))
            }
            if let failure = outcome.failure { throw await problem(failure, outcome.left, update, in: pool) }
            if update.needsObjectMap {
                // Without a map the image is whole, only slower: that the work can't begin now is no reason to fail.
                _ = try? await operations.start(.rebuildObjectMap, on: place.spec(update.name), imageID: image.id)
            }
            return RBDAPI.Image(try await pool.image(named: update.name), in: place)
        }
    }

    func planUpdate(
        _ name: String,
        _ request: UpdateImageRequest,
        in place: ImagePlace,
        if precondition: Precondition
    ) async throws -> Plan {
        let (image, update) = try await prepared(name, request, in: place, if: precondition)
        let pool = try images.pool(place)
        if update.name != name, try await existing(update.name, in: pool) != nil {
            throw CephError(.imageExists, .changeImage, on: place.resource(update.name))
        }
        let use = try await pool.use(ofImage: name)
        let isLocked = !use.locks.isEmpty && image.features.contains(.exclusiveLock)
        if isLocked || (update.isShrunk && !use.watchers.isEmpty), !update.steps.isEmpty,
            let problem = Problem(changing: place.spec(name), use)
        {
            throw problem
        }
        try await requireRoom(for: update, of: name, in: place)
        var steps = update.steps.map(\.plan)
        if update.needsObjectMap {
            steps.append(Plan.Step("rebuild-object-map", "\(place.spec(update.name))", detail: "as an operation"))
        }
        return Plan(steps: steps)
    }

    private func prepared(
        _ name: String,
        _ request: UpdateImageRequest,
        in place: ImagePlace,
        if precondition: Precondition
    ) async throws -> (ImageInfo, ImageUpdate) {
        let image = try await images.pool(place).image(named: name)
        try precondition.check(RBDAPI.Image(image, in: place))
        guard !image.isBeingRemoved else { throw ImageRepair.beingRemoved(place.resource(name), errno: nil) }
        guard !image.id.isEmpty else { throw ImageWorkService.oldFormat(place.spec(name)) }
        let update = try ImageUpdate(request, of: image, in: place)
        if update.needsPeace {
            try await operations.store.requireNoOperation(onImage: image.id, spec: place.spec(name))
        }
        return (image, update)
    }

    /// In a full pool librbd makes an image larger, but not its object map, and marks that as invalid without a word.
    private func requireRoom(for update: ImageUpdate, of name: String, in place: ImagePlace) async throws {
        guard update.needsRoom else { return }
        try await PoolFullness(try images.pool(place)).requireRoom(for: .changeImage, on: place.resource(name))
    }

    /// Holds both names of a renamed image, in an order that two who exchange names agree on.
    private func alone<Value: Sendable>(
        _ name: String,
        renamedTo newName: String?,
        in place: ImagePlace,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard let newName, newName != name, Names.objection(to: newName) == nil else {
            return try await images.alone(name, in: place, .changeImage, body)
        }
        return try await images.alone(min(name, newName), in: place, .changeImage) {
            try await images.alone(max(name, newName), in: place, .changeImage, body)
        }
    }

    /// What failed, and what of the rest was done.
    private func problem(
        _ failure: (index: Int, error: CephError),
        _ left: [Int],
        _ update: ImageUpdate,
        in pool: Ceph.Pool
    ) async -> Problem {
        var problem = Problem(failure.error)
        if failure.error.code == .poolFull, let full = await PoolFullness(pool).problem(failure.error) {
            problem = full
        }
        problem.field = update.steps[failure.index].field
        func list(_ indices: some Sequence<Int>) -> String {
            var fields: [String] = []
            for index in indices where fields.last != update.steps[index].field {
                fields.append(update.steps[index].field)
            }
            return fields.joined(separator: ", ")
        }
        if left.isEmpty {
            problem.detail += "; nothing was changed"
        } else {
            let rest = update.steps.indices.filter { !left.contains($0) }
            problem.detail += "; changed, and could not be undone: \(list(left)); not changed: \(list(rest))"
        }
        return problem
    }
}
