// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// The operations of all pools.
struct OperationStore: Sendable {
    let connection: ClusterConnection
    /// How long the record of a finished operation is kept.
    let retention: Duration
    let creations: PoolCreations
    /// The maximum number of unfinished operations of one identity in one pool; nil for no maximum.
    var perIdentity: Int?
    private let read = ReadOperations()

    enum Created {
        case new(OperationRecord)
        /// The same work on the same image was requested before, and is not finished.
        case existing(OperationRecord)
    }

    /// Begins an operation on an image, unless the same one has begun.
    /// - Throws: `Problem` with `operation-in-progress` if another operation on the image is not finished; `CephError`.
    func create(_ task: any OperationTask, on spec: ImageSpec, imageID: String) async throws -> Created {
        let pool = try cluster().pool(spec.pool)
        return try await create(try await record(task, on: spec, imageID, in: pool), in: pool)
    }

    /// A change goes through the connection that its claim was made with.
    private func cluster() throws -> Cluster {
        if let session = HeldClaim.session { return session.cluster }
        return try connection.cluster()
    }

    private func record(
        _ task: any OperationTask,
        on spec: ImageSpec,
        _ imageID: String,
        in pool: Ceph.Pool
    ) async throws -> OperationRecord {
        let parameters = task.parameters
        let operation = RBDAPI.Operation(
            id: try await Self.newID(in: pool),
            kind: type(of: task).name,
            spec: spec,
            imageID: imageID,
            target: parameters.target.map { "\($0.spec)" },
            createdAt: Timestamp.now
        )
        return OperationRecord(operation: operation, parameters: parameters, owner: Caller.current)
    }

    /// Finds the same operation, if it has begun and is not finished.
    /// - Throws: `Problem` with `operation-in-progress` if another operation on the image is not finished; `CephError`.
    func begun(
        _ task: any OperationTask,
        on spec: ImageSpec,
        imageID: String
    ) async throws -> OperationRecord? {
        let pool = try cluster().pool(spec.pool)
        return try await begun(try await record(task, on: spec, imageID, in: pool), in: Records(of: pool))
    }

    private func begun(_ record: OperationRecord, in records: Records) async throws -> OperationRecord? {
        let (subject, field) = (record.operation.subject, record.operation.group == nil ? "image" : "group")
        for claim in record.claims {
            guard let holder = try await records.value(claim),
                let other = try await records.operation(String(decoding: holder, as: UTF8.self))
            else { continue }
            if other.isSameWork(as: record) { return other }
            throw Self.inProgress(other, "\(field) \"\(subject)\"", field: field)
        }
        return nil
    }

    /// Begins an operation on a group, unless the same one has begun.
    /// - Throws: `Problem` with `operation-in-progress` if another operation on the group, or on one of its images, is
    ///   not finished; `CephError`.
    func create(_ task: any OperationTask, on group: GroupSpec) async throws -> Created {
        let pool = try cluster().pool(group.pool)
        let operation = RBDAPI.Operation(
            id: try await Self.newID(in: pool),
            kind: type(of: task).name,
            pool: group.pool,
            namespace: group.namespace,
            group: group.name,
            createdAt: Timestamp.now
        )
        return try await create(
            OperationRecord(operation: operation, parameters: task.parameters, owner: Caller.current),
            in: pool
        )
    }

    private static func newID(in pool: Ceph.Pool) async throws -> String { "\(try await pool.id())-\(newNumber())" }

    /// The second part of an operation's id.
    static func newNumber() -> String {
        UInt64.random(in: .min ... .max).hexadecimal
    }

    private func create(_ record: OperationRecord, in pool: Ceph.Pool) async throws -> Created {
        let (records, id) = (Records(of: pool), record.operation.id)
        try await requireRoom(for: record, in: records)
        let (subject, field) = (record.operation.subject, record.operation.group == nil ? "image" : "group")
        // The holder of a claim may release it between the two calls.
        for _ in 0..<5 {
            var change = Records.Change()
            for claim in record.claims {
                change.require(absent: claim)
                change.set(claim, to: Array(id.utf8))
            }
            change.set("operation.\(id)", to: record.bytes)
            change.set("\(Records.openPrefix)\(id)", to: Array((record.owner ?? "").utf8))
            if try await records.apply(change) { return .new(record) }
            if let other = try await begun(record, in: records) { return .existing(other) }
        }
        throw Problem(.operationInProgress, detail: "other operations on \"\(subject)\" keep starting", field: field)
    }

    /// - Throws: `Problem` with `overloaded`; `CephError`.
    private func requireRoom(for record: OperationRecord, in records: Records) async throws {
        // A purge frees space, and its image is already in the trash.
        guard let perIdentity, let owner = record.owner, record.kind != .purgeImage else { return }
        let count = try await Self.open(in: records).count { $0.owner == owner }
        guard count >= perIdentity, try await begun(record, in: records) == nil else { return }
        throw Problem(
            .overloaded,
            detail: "\"\(owner)\" already has \(count) unfinished operations in pool \"\(record.operation.pool)\"",
            hint:
                "wait until some have ended, or cancel some; the service's operator can raise the setting operations-per-identity"
        )
    }

    /// - Parameter kind: the kind of operation to look for; nil for any.
    /// - Throws: `Problem` with `operation-in-progress` if such an operation on the image is not finished; `CephError`.
    func requireNoOperation(_ kind: OperationKind? = nil, onImage id: String, spec: ImageSpec) async throws {
        guard let other = try await unfinished(onImage: id, spec: spec), kind == nil || other.kind == kind else {
            return
        }
        throw Self.inProgress(other, "image \"\(spec)\"")
    }

    /// Requires that an image is no unfinished copy. Such a copy has no claim under its own id, but its temporary name
    /// contains the operation's id.
    /// - Throws: `Problem` with `operation-in-progress`; `CephError`.
    func requireNoCopy(inTheMaking spec: ImageSpec) async throws {
        guard let id = OperationRecord.operationID(ofTemporaryName: spec.image),
            let records = try await records(ofOperation: id),
            let other = try await records.operation(id), !other.operation.state.isFinished
        else { return }
        throw Self.inProgress(other, "image \"\(spec)\"")
    }

    func unfinished(onImage id: String, spec: ImageSpec) async throws -> OperationRecord? {
        let records = Records(of: try cluster().pool(spec.pool))
        let claim = OperationRecord.claim(onImage: id, namespace: spec.namespace)
        guard let holder = try await records.value(claim) else { return nil }
        return try await records.operation(String(decoding: holder, as: UTF8.self))
    }

    func unfinished(onGroup group: GroupSpec) async throws -> OperationRecord? {
        let records = Records(of: try cluster().pool(group.pool))
        let claim = OperationRecord.claim(onGroup: group.name, namespace: group.namespace)
        guard let holder = try await records.value(claim) else { return nil }
        return try await records.operation(String(decoding: holder, as: UTF8.self))
    }

    static func inProgress(_ other: OperationRecord, _ subject: String, field: String = "image") -> Problem {
        Problem(
            .operationInProgress,
            detail: "operation \(other.operation.id) (\(other.operation.kind)) on \(subject) is not finished",
            field: field,
            remedy: .follow(operation: other.operation.id, cancellable: other.kind?.isCancellable == true)
        )
    }

    /// - Throws: `Problem` with `operation-not-found`; `CephError`.
    func record(_ id: String) async throws -> OperationRecord {
        if let record = try await known(id) { return record }
        // Another replica may have begun it just now, in a pool that this one does not know yet.
        try await connection.cluster().refreshMap()
        guard let record = try await known(id) else {
            throw Problem(
                .operationNotFound,
                detail: "there is no operation \"\(id.prefix(60))\"",
                field: "operation",
                remedy: .listOperations
            )
        }
        return record
    }

    /// - Returns: nil if there is none, or the caller may not see it.
    private func known(_ id: String) async throws -> OperationRecord? {
        let record = try await any(id)
        return record.flatMap { Access.current.mayFollow($0.operation) ? $0 : nil }
    }

    /// - Returns: nil if there is none. The caller may not be allowed to see the result.
    func any(_ id: String) async throws -> OperationRecord? {
        guard let poolID = Self.poolID(ofOperation: id), let records = try await records(ofOperation: id) else {
            return nil
        }
        // A pool that is not ready has no other operation yet, and could not be read.
        if try await !creations.isMakingReady(records.pool, poolID) {
            let record = try await records.operation(id)
            creations.settle(poolID)
            if let record { return record }
        }
        guard let creation = try await creations.operation(onPool: records.pool), creation.id == id else { return nil }
        return OperationRecord(operation: creation, parameters: .init())
    }

    /// Requests the cancellation of an operation. The process that works on it will notice.
    /// - Throws: `Problem` with `operation-not-found`, `operation-finished`, `operation-not-cancellable`; `CephError`.
    func cancel(_ id: String) async throws -> OperationRecord {
        var record = try await cancellable(id)
        guard let records = try await records(ofOperation: id) else { return record }
        var change = Records.Change()
        change.set("cancel.\(id)", to: Array(Timestamp.now.utf8))
        _ = try await records.apply(change)
        record.operation.cancelRequested = true
        return record
    }

    /// - Throws: `Problem` with `operation-not-found`, `operation-finished`, `operation-not-cancellable`; `CephError`.
    func cancellable(_ id: String) async throws -> OperationRecord {
        let record = try await record(id)
        try Access.current.requireCancellation(of: record.operation)
        guard !record.operation.state.isFinished else {
            throw Problem(
                .operationFinished,
                detail: "operation \(id) is already finished: \(record.operation.state.rawValue)",
                field: "operation"
            )
        }
        guard record.kind?.isCancellable != false else {
            throw Problem(
                .operationNotCancellable,
                detail: "cancelling operation \(id) (\(record.operation.kind)) "
                    + "would leave \(record.operation.subject) inconsistent",
                field: "operation",
                hint: record.kind == .createPool ? "delete the pool" : nil,
                remedy: record.kind == .createPool ? nil : .follow(operation: id, cancellable: false)
            )
        }
        return record
    }

    /// The operations of some pools, the newest first. A pool that can't be read is left out.
    /// - Parameter pool: the pool of the operations; nil for all pools.
    /// - Throws: `CephError` if a single pool was requested and can't be read.
    func list(pool: String?) async throws -> [RBDAPI.Operation] {
        let cluster = try connection.cluster()
        if let pool { return try await list(cluster.pool(pool)) }
        let names = try await cluster.knownPools()
        return await withTaskGroup(of: [RBDAPI.Operation].self) { group in
            for name in names { group.addTask { (try? await list(cluster.pool(name))) ?? [] } }
            return await group.reduce(into: []) { $0 += $1 }.sorted(by: RBDAPI.Operation.isNewer)
        }
    }

    private func list(_ pool: Ceph.Pool) async throws -> [RBDAPI.Operation] {
        let creation = try await creations.operation(onPool: pool)
        // Nothing can be read from the pool yet.
        if let creation, !creation.state.isFinished { return [creation] }
        let operations = try await read.list(Records(of: pool))
        return creation.map { (operations + [$0]).sorted(by: RBDAPI.Operation.isNewer) } ?? operations
    }

    /// - Returns: nil if it can't be an operation's id.
    private static func poolID(ofOperation id: String) -> Int64? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let poolID = Int64(parts[0]), poolID > 0, parts[1].count == 16,
            parts[1].allSatisfy({ $0.isHexDigit })
        else { return nil }
        return poolID
    }

    /// - Returns: nil if it can't be an operation's id, or the pool is gone.
    private func records(ofOperation id: String) async throws -> Records? {
        guard let poolID = Self.poolID(ofOperation: id) else { return nil }
        do {
            return Records(of: try await connection.cluster().pool(id: poolID))
        } catch let error as CephError where error.code == .poolNotFound {
            return nil
        }
    }
}
