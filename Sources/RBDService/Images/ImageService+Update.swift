// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Changes of existing images.
extension ImageService {
    enum UpdateOutcome {
        case changed(RBDAPI.Image)
        /// Everything else has changed. An operation shrinks the image.
        case shrinking(RBDAPI.Operation)
    }

    /// Makes all changes, or none.
    func update(
        _ name: String,
        _ request: UpdateImageRequest,
        in place: Place,
        if precondition: Precondition,
        isDryRun: Bool
    ) async throws -> Attempt<UpdateOutcome> {
        // If the same shrink is already running, it is the answer: that operation has the image.
        if !isDryRun, request.size != nil, request.allowShrink == true,
            let begun = try await prepared(name, request, in: place, if: precondition).begun
        {
            return .done(.shrinking(begun))
        }
        return try await images.changing(name, and: newNames(request), in: place, isDryRun: isDryRun) { _ in
            let (image, update, begun) = try await prepared(name, request, in: place, if: precondition)
            if let begun { return .unchanged(.shrinking(begun), isDryRun: isDryRun) }
            if update.name != image.name {
                let store = AdoptionStore(try images.pool(place))
                try await store.requireNone(ofImageID: image.id, place.image(name), newName: update.name)
            }
            if isDryRun { return Attempt(try await steps(of: update, image, in: place)) }
            let pool = try images.pool(place)
            let isChange = !update.steps.isEmpty || update.shrink != nil
            if isChange { AuditNotes.current?.before(AuditImage(image)) }
            if !update.steps.isEmpty {
                try await requireRoom(for: update, of: name, in: place)
                let outcome = try await images.reportingUsers(of: name, in: place) {
                    try await pool.changeImage(named: name, id: image.id, update.steps.map(\.change))
                }
                if let failure = outcome.failure {
                    if update.steps[..<failure.index].contains(where: \.dropsObjectMap) {
                        _ = try? await operations.start(RebuildObjectMap(), on: place.image(name), imageID: image.id)
                    }
                    throw await problem(failure, outcome.left, update, in: pool)
                }
            }
            let spec = place.image(update.name)
            if update.needsObjectMap {
                // Without its object map the image is complete, only slower. So it is no failure if the rebuild can't
                // begin now.
                _ = try? await operations.start(RebuildObjectMap(), on: spec, imageID: image.id)
            }
            if let shrink = update.shrink {
                return .done(.shrinking(try await begin(shrink, after: update, of: image, spec)))
            }
            let changed = try await pool.image(named: update.name)
            if isChange { AuditNotes.current?.after(AuditImage(changed)) }
            return .done(.changed(RBDAPI.Image(changed, in: place)))
        }
    }

    private func begin(
        _ shrink: ImageUpdate.Shrink,
        after update: ImageUpdate,
        of image: ImageInfo,
        _ spec: ImageSpec
    ) async throws -> RBDAPI.Operation {
        do {
            return try await operations.start(ShrinkImage(sizeBytes: shrink.bytes), on: spec, imageID: image.id)
        } catch {
            guard !update.steps.isEmpty, var problem = (error as? Problem) ?? (error as? CephError).map({ Problem($0) })
            else { throw error }
            let fields = Set(update.steps.map(\.field)).sorted().joined(separator: ", ")
            problem.detail += "; changed: \(fields); not changed: size"
            throw problem
        }
    }

    /// The steps of a dry run. It makes the checks that librbd makes when it changes an image.
    private func steps(of update: ImageUpdate, _ image: ImageInfo, in place: Place) async throws -> [Plan.Step] {
        let name = image.name
        if update.name != name { try await images.requireFree(update.name, in: place, for: .changeImage) }
        let use = try await images.pool(place).use(ofImage: name)
        let isLocked = !use.locks.isEmpty && image.features.contains(.exclusiveLock)
        if isLocked, !update.steps.isEmpty, let problem = Problem(changing: place.image(name), use) {
            throw problem
        }
        try await requireRoom(for: update, of: name, in: place)
        var steps = update.steps.map(\.plan) + (update.shrink.map { [$0.plan] } ?? [])
        if update.needsObjectMap {
            steps.append(Plan.Step(.rebuildObjectMap, "\(place.image(update.name))", detail: "as an operation"))
        }
        return steps
    }

    /// - Returns: the image, the changes, and the operation that already makes them, if there is one.
    private func prepared(
        _ name: String,
        _ request: UpdateImageRequest,
        in place: Place,
        if precondition: Precondition
    ) async throws -> (image: ImageInfo, update: ImageUpdate, begun: RBDAPI.Operation?) {
        let pool = try images.pool(place)
        let spec = place.image(name)
        let image = try await pool.image(named: name)
        try precondition.check(RBDAPI.Image(image, in: place))
        guard !image.isBeingRemoved else { throw Problem.beingRemoved(.image(place.image(name)), errno: nil) }
        guard !image.id.isEmpty else { throw ImageWorkService.oldFormat(spec) }
        let update = try ImageUpdate(request, of: image, in: place)
        if let size = request.size, size.bytes > image.sizeBytes { try images.requireAllowed(size.bytes) }
        if update.conflictsWithOperations,
            let other = try await operations.store.unfinished(onImage: image.id, spec: spec)
        {
            guard let shrink = update.shrink, update.steps.isEmpty, other.kind == .shrinkImage,
                other.parameters.sizeBytes == shrink.bytes
            else { throw OperationStore.inProgress(other, "image \"\(spec)\"") }
            return (image, update, other.operation)
        }
        // Checked before anything else is changed, and again when the operation begins.
        if update.shrink != nil, let problem = Problem(changing: spec, try await pool.use(ofImage: name)) {
            throw problem
        }
        return (image, update, nil)
    }

    /// In a full pool, librbd grows an image but not its object map, and silently marks the map as invalid.
    private func requireRoom(for update: ImageUpdate, of name: String, in place: Place) async throws {
        guard update.needsRoom else { return }
        try await PoolFullness(try images.pool(place)).requireRoom(for: .changeImage, on: .image(place.image(name)))
    }

    /// The new name of the image, if the request has a valid one.
    private func newNames(_ request: UpdateImageRequest) -> [String] {
        request.name.map { Names.objection(to: $0) == nil ? [$0] : [] } ?? []
    }

    /// The problem that says what failed, and which of the other changes were made.
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
