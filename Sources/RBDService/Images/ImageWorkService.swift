// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of long-running work on an image. Work that would fail after hours, for a reason that exists already, is
/// refused now.
struct ImageWorkService: Sendable {
    let images: ImageAccess
    let operations: OperationService

    /// The image of a request, in its current state.
    struct Subject: Sendable {
        var place: Place
        var info: ImageInfo

        var spec: ImageSpec { place.image(info.name) }
    }

    /// The work to do, and what a dry run answers.
    struct Work: Sendable {
        var task: any OperationTask
        var step: Plan.Step
    }

    /// - Throws: `CephError` with `.imageNotFound`; `Problem` with `unsupported-by-cluster` for an image of the old
    ///   format 1.
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
            detail: "image \"\(spec)\" has the old format 1",
            field: "image",
            hint: "convert it to format 2: rbd migration prepare, then execute"
        )
    }

    /// Begins the work, or finds the operation that already does it.
    func begin(_ work: Work, on subject: Subject, isDryRun: Bool) async throws -> Attempt<RBDAPI.Operation> {
        if isDryRun { return Attempt(work.step) }
        let (spec, id) = (subject.spec, subject.info.id)
        // A running operation has claimed the image.
        if let begun = try await operations.begun(work.task, on: spec, imageID: id) { return .done(begun) }
        return try await images.changing(subject.info.name, in: subject.place) { image in
            guard image.id == id else {
                throw CephError(.imageChanged, .changeImage, on: .image(subject.place.image(spec.image)))
            }
            return .done(try await beginClaimed(work, on: subject))
        }
    }

    /// Begins work on a claimed image.
    func beginClaimed(_ work: Work, on subject: Subject) async throws -> RBDAPI.Operation {
        // A copy does not change its source.
        if !(work.task is CopyImage) { AuditNotes.current?.before(AuditImage(subject.info)) }
        return try await operations.start(work.task, on: subject.spec, imageID: subject.info.id)
    }

    func flatten(_ subject: Subject) async throws -> Work {
        guard let parent = subject.info.parent else {
            throw CephError(.imageHasNoParent, .flattenImage, on: .image(subject.place.image(subject.info.name)))
        }
        try await requireNoKeyOfItsOwn(subject, for: .flattenImage)
        let spec = ImageSpec(pool: parent.pool, namespace: parent.namespace, image: parent.image)
        let source = Access.current.may(.read, spec) ? "\(spec)@\(parent.snapshot)" : "its parent"
        let detail = "copies the data that it shares with \(source), up to \(ByteCount(parent.overlapBytes))"
        return Work(task: FlattenImage(), step: Plan.Step(.flattenImage, "\(subject.spec)", detail: detail))
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
        let detail = "frees blocks of \(ByteCount(bytes)) that contain only zeros"
        return Work(
            task: SparsifyImage(blockBytes: Int(bytes)),
            step: Plan.Step(.sparsifyImage, "\(subject.spec)", detail: detail)
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
        let step = Plan.Step(.rebuildObjectMap, "\(subject.spec)", detail: "looks for every object of the image")
        return Work(task: RebuildObjectMap(), step: step)
    }

    func copy(_ subject: Subject, _ request: CopyImageRequest) async throws -> Work {
        try ImageRules.checkName(request.name, field: "name", what: "image")
        let target = target(of: request, in: subject.place)
        let withSnapshots = request.withSnapshots ?? false
        guard !withSnapshots || request.snapshot == nil else {
            throw Problem(
                .invalidImageOption,
                "withSnapshots",
                "a copy of one snapshot has no snapshots",
                hint: "copy either one snapshot, or the image with all of them"
            )
        }
        if let snapshot = request.snapshot { try await requireSnapshot(snapshot, subject) }
        if subject.info.parent != nil { try await requireNoKeyOfItsOwn(subject, at: request.snapshot, for: .copyImage) }
        try await images.requireFree(request.name, in: target, for: .copyImage)
        let copy = target.image(request.name)
        try await PoolFullness(images.pool(target)).requireRoom(for: .copyImage, on: .image(copy))
        let source = request.snapshot.map { "\(subject.spec)@\($0)" } ?? "\(subject.spec)"
        let size = ByteCount(subject.info.sizeBytes)
        let detail = "from \(source), \(size)\(withSnapshots ? ", with all snapshots" : "")"
        return Work(
            task: CopyImage(
                to: .init(pool: target.pool, namespace: target.namespace, name: request.name),
                of: request.snapshot,
                withSnapshots: withSnapshots
            ),
            step: Plan.Step(.copyImage, "\(copy)", detail: detail)
        )
    }

    /// The pool and namespace of a copy.
    /// - Parameter place: the pool and namespace of the source.
    func target(of request: CopyImageRequest, in place: Place) -> Place {
        let isElsewhere = request.pool != nil && request.pool != place.pool
        return Place(
            pool: request.pool ?? place.pool,
            namespace: request.namespace ?? (isElsewhere ? "" : place.namespace)
        )
    }

    /// - Throws: `CephError` with `.imageEncrypted` if the clone has its own encryption key: the work would need
    ///   passphrases, which the service does not have.
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
            let reason = "image \"\(subject.spec)\" has no snapshot \"\(snapshot)\""
            throw Problem(.invalidImageOption, "snapshot", reason)
        }
    }
}
