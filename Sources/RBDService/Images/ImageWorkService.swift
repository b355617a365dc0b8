// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of what takes long with an image. What would fail after hours for a reason that is there now is refused now.
struct ImageWorkService: Sendable {
    let images: ImageAccess
    let operations: OperationService

    /// The image that a request is about, as it is now.
    struct Subject: Sendable {
        var place: Place
        var info: ImageInfo

        var spec: ImageSpec { place.image(info.name) }
    }

    /// What is to be done.
    struct Work: Sendable {
        var kind: OperationKind
        var parameters = OperationRecord.Parameters()
        var plan: Plan
    }

    /// - Throws: `CephError` with `.imageNotFound`; `Problem` with `image-read-only` for an image of the old format.
    func subject(_ name: String, in place: Place) async throws -> Subject {
        let info = try await images.pool(place).image(named: name)
        guard !info.id.isEmpty else {
            throw Self.oldFormat(place.image(name))
        }
        return Subject(place: place, info: info)
    }

    static func oldFormat(_ spec: ImageSpec) -> Problem {
        Problem(
            .unsupportedByCluster,
            detail: "image \"\(spec)\" is of the old format 1",
            field: "image",
            hint: "convert it to format 2: rbd migration prepare, then execute"
        )
    }

    /// Begins the work, or finds that it has begun.
    func begin(_ work: Work, on subject: Subject) async throws -> RBDAPI.Operation {
        let (spec, id) = (subject.spec, subject.info.id)
        // One that is at work has the image.
        if let begun = try await operations.begun(work.kind, on: spec, imageID: id, parameters: work.parameters) {
            return begun
        }
        return try await images.changing(subject.info.name, in: subject.place) { image in
            guard image.id == id else {
                throw CephError(.imageChanged, .changeImage, on: .image(subject.place.image(spec.image)))
            }
            return try await beginClaimed(work, on: subject)
        }
    }

    /// Begins work on an image that is claimed.
    func beginClaimed(_ work: Work, on subject: Subject) async throws -> RBDAPI.Operation {
        // A copy does not change what it is made from.
        if work.kind != .copyImage { AuditNotes.current?.before(AuditImage(subject.info)) }
        return try await operations.start(
            work.kind,
            on: subject.spec,
            imageID: subject.info.id,
            parameters: work.parameters
        )
    }

    func flatten(_ subject: Subject) async throws -> Work {
        guard let parent = subject.info.parent else {
            throw CephError(.imageHasNoParent, .flattenImage, on: .image(subject.place.image(subject.info.name)))
        }
        try await requireNoKeyOfItsOwn(subject, for: .flattenImage)
        let spec = ImageSpec(pool: parent.pool, namespace: parent.namespace, image: parent.image)
        let source = Access.current.may(.read, spec) ? "\(spec)@\(parent.snapshot)" : "its parent"
        let detail = "copies what it shares with \(source), up to \(ByteCount(parent.overlapBytes))"
        return Work(
            kind: .flattenImage,
            plan: Plan(steps: [Plan.Step("flatten-image", "\(subject.spec)", detail: detail)])
        )
    }

    func sparsify(_ subject: Subject, blockSize: String?) throws -> Work {
        var bytes: UInt64 = 4096
        if let blockSize {
            let range = 4096...subject.info.objectSizeBytes
            guard let size = try? ByteCount(parsing: blockSize).bytes, size.nonzeroBitCount == 1, range.contains(size)
            else {
                throw Query.invalid(
                    "blockSize",
                    "it must be a power of two from 4KiB to the image's object size, \(ByteCount(range.upperBound))"
                )
            }
            bytes = size
        }
        return Work(
            kind: .sparsifyImage,
            parameters: .init(blockBytes: Int(bytes)),
            plan: Plan(
                steps: [
                    Plan.Step(
                        "sparsify-image",
                        "\(subject.spec)",
                        detail: "gives back runs of zeros of \(ByteCount(bytes)) and more"
                    )
                ]
            )
        )
    }

    func rebuildObjectMap(_ subject: Subject) throws -> Work {
        guard subject.info.features.contains(.objectMap) else {
            throw Problem(
                .invalidFeatures,
                detail: "image \"\(subject.spec)\" has no object map",
                field: "image",
                remedy: .enableFeature("object-map", of: subject.spec)
            )
        }
        let step = Plan.Step("rebuild-object-map", "\(subject.spec)", detail: "looks for each of its objects")
        return Work(kind: .rebuildObjectMap, plan: Plan(steps: [step]))
    }

    func copy(_ subject: Subject, _ request: CopyImageRequest) async throws -> Work {
        try ImageRules.checkName(request.name, field: "name", what: "image")
        let target = target(of: request, in: subject.place)
        let withSnapshots = request.withSnapshots ?? false
        guard !withSnapshots || request.snapshot == nil else {
            throw Problem(
                .invalidImageOption,
                detail: "withSnapshots: a copy of one snapshot has no snapshots",
                field: "withSnapshots",
                hint: "copy either one snapshot, or the image with all of them"
            )
        }
        if let snapshot = request.snapshot { try await requireSnapshot(snapshot, subject) }
        if subject.info.parent != nil { try await requireNoKeyOfItsOwn(subject, at: request.snapshot, for: .copyImage) }
        try await requireRoom(for: request.name, in: target)
        let source = request.snapshot.map { "\(subject.spec)@\($0)" } ?? "\(subject.spec)"
        let size = ByteCount(subject.info.sizeBytes)
        let detail = "from \(source), \(size)\(withSnapshots ? ", with all snapshots" : "")"
        return Work(
            kind: .copyImage,
            parameters: .init(
                target: .init(pool: target.pool, namespace: target.namespace, name: request.name),
                snapshot: request.snapshot,
                withSnapshots: withSnapshots
            ),
            plan: Plan(steps: [Plan.Step("copy-image", "\(target.image(request.name))", detail: detail)])
        )
    }

    /// Where a copy goes.
    /// - Parameter place: where the image is that is copied.
    func target(of request: CopyImageRequest, in place: Place) -> Place {
        let isElsewhere = request.pool != nil && request.pool != place.pool
        return Place(
            pool: request.pool ?? place.pool,
            namespace: request.namespace ?? (isElsewhere ? "" : place.namespace)
        )
    }

    /// - Throws: `CephError` with `.imageEncrypted`, where the passphrases are needed that nobody can give us.
    private func requireNoKeyOfItsOwn(
        _ subject: Subject,
        at snapshot: String? = nil,
        for operation: CephError.Operation
    ) async throws {
        let pool = try images.pool(subject.place)
        guard try await pool.isEncryptedClone(imageID: subject.info.id, at: snapshot) else { return }
        throw CephError(.imageEncrypted, operation, on: .image(subject.place.image(subject.info.name)))
    }

    private func requireSnapshot(_ snapshot: String, _ subject: Subject) async throws {
        let use = try await images.pool(subject.place).use(ofImage: subject.info.name)
        guard use.snapshots.contains(where: { $0.name == snapshot }) else {
            throw Problem(
                .invalidImageOption,
                detail: "snapshot: image \"\(subject.spec)\" has no snapshot \"\(snapshot)\"",
                field: "snapshot"
            )
        }
    }

    /// - Throws: `CephError`, where the place does not exist, or the name is taken; `Problem` with `pool-full`.
    private func requireRoom(for name: String, in place: Place) async throws {
        let pool = try images.pool(place)
        do {
            _ = try await pool.image(named: name)
        } catch let error as CephError where error.code == .imageNotFound {
            return try await PoolFullness(pool).requireRoom(for: .copyImage, on: .image(place.image(name)))
        }
        throw CephError(.imageExists, .copyImage, on: .image(place.image(name)))
    }
}
