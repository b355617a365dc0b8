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
    /// How many operations of one identity may be unfinished in one pool; nil for any number.
    var perIdentity: Int?
    private let read = ReadOperations()

    init(connection: ClusterConnection, retention: Duration, creations: PoolCreations, perIdentity: Int? = nil) {
        self.connection = connection
        self.retention = retention
        self.creations = creations
        self.perIdentity = perIdentity
    }

    enum Created {
        case new(OperationRecord)
        /// The same work on the same image was asked for before, and is not finished.
        case existing(OperationRecord)
    }

    /// Begins an operation on an image, unless the same one has begun.
    /// - Throws: `Problem` with `operation-in-progress` where other work on the image is not finished; `CephError`.
    func create(
        _ kind: OperationKind,
        on spec: ImageSpec,
        imageID: String,
        parameters: OperationRecord.Parameters = .init()
    ) async throws -> Created {
        let pool = try cluster().pool(spec.pool)
        return try await create(try await record(kind, on: spec, imageID, parameters, in: pool), in: pool)
    }

    /// What is done under a claim goes through the connection that the claim was made with.
    private func cluster() throws -> Cluster {
        if let session = HeldClaim.session { return session.cluster }
        return try connection.cluster()
    }

    private func record(
        _ kind: OperationKind,
        on spec: ImageSpec,
        _ imageID: String,
        _ parameters: OperationRecord.Parameters,
        in pool: Ceph.Pool
    ) async throws -> OperationRecord {
        let operation = RBDAPI.Operation(
            id: try await Self.newID(in: pool),
            kind: kind.rawValue,
            spec: spec,
            imageID: imageID,
            target: parameters.target.map { "\($0.spec)" },
            createdAt: Timestamp.now
        )
        return OperationRecord(operation: operation, parameters: parameters, owner: Caller.current)
    }

    /// Finds the same operation, where it has begun and is not finished.
    /// - Throws: `Problem` with `operation-in-progress` where other work on the image is not finished; `CephError`.
    func begun(
        _ kind: OperationKind,
        on spec: ImageSpec,
        imageID: String,
        parameters: OperationRecord.Parameters
    ) async throws -> OperationRecord? {
        let pool = try cluster().pool(spec.pool)
        return try await begun(try await record(kind, on: spec, imageID, parameters, in: pool), in: Records(of: pool))
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
    /// - Throws: `Problem` with `operation-in-progress` where other work on the group, or on one of its images, is not
    ///   finished; `CephError`.
    func create(
        _ kind: OperationKind,
        on group: GroupSpec,
        parameters: OperationRecord.Parameters
    ) async throws -> Created {
        let pool = try cluster().pool(group.pool)
        let operation = RBDAPI.Operation(
            id: try await Self.newID(in: pool),
            kind: kind.rawValue,
            pool: group.pool,
            namespace: group.namespace,
            group: group.name,
            createdAt: Timestamp.now
        )
        return try await create(
            OperationRecord(operation: operation, parameters: parameters, owner: Caller.current),
            in: pool
        )
    }

    private static func newID(in pool: Ceph.Pool) async throws -> String { "\(try await pool.id())-\(newNumber())" }

    /// The second part of an operation's id.
    static func newNumber() -> String {
        UInt64.random(in: .min ... .max).text(digits: 16, radix: 16)
    }

    private func create(_ record: OperationRecord, in pool: Ceph.Pool) async throws -> Created {
        let (records, id) = (Records(of: pool), record.operation.id)
        try await requireRoom(for: record, in: records)
        let (subject, field) = (record.operation.subject, record.operation.group == nil ? "image" : "group")
        // Whoever has a claim may let go of it in between.
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
        throw Problem(.operationInProgress, detail: "other operations on \"\(subject)\" come and go", field: field)
    }

    /// - Throws: `Problem` with `overloaded`; `CephError`.
    private func requireRoom(for record: OperationRecord, in records: Records) async throws {
        // A purge makes room, and the image is in the trash by then.
        guard let perIdentity, let owner = record.owner, record.kind != .purgeImage else { return }
        let count = try await Self.open(in: records).count { $0.owner == owner }
        guard count >= perIdentity, try await begun(record, in: records) == nil else { return }
        throw Problem(
            .overloaded,
            detail: "\"\(owner)\" has \(count) unfinished operations in pool \"\(record.operation.pool)\" already",
            hint:
                "wait until some have ended, or cancel some; the service's operator can raise the setting operations-per-identity"
        )
    }

    /// - Parameter kind: only this one stands in the way; nil for all.
    /// - Throws: `Problem` with `operation-in-progress` where an operation on the image is not finished; `CephError`.
    func requireNoOperation(_ kind: OperationKind? = nil, onImage id: String, spec: ImageSpec) async throws {
        guard let other = try await unfinished(onImage: id, spec: spec), kind == nil || other.kind == kind else {
            return
        }
        throw Self.inProgress(other, "image \"\(spec)\"")
    }

    /// A copy in the making has no claim under its own id, but a name that tells the operation.
    /// - Throws: `Problem` with `operation-in-progress`; `CephError`.
    func requireNoCopy(inTheMaking spec: ImageSpec) async throws {
        guard let id = OperationRecord.operationID(ofTemporaryName: spec.image),
            let records = try await records(ofOperation: id),
            let other = try await records.operation(id), !other.operation.state.isFinished
        else { return }
        throw Self.inProgress(other, "image \"\(spec)\"")
    }

    /// The operation that has the image.
    func unfinished(onImage id: String, spec: ImageSpec) async throws -> OperationRecord? {
        let records = Records(of: try cluster().pool(spec.pool))
        let claim = OperationRecord.claim(onImage: id, namespace: spec.namespace)
        guard let holder = try await records.value(claim) else { return nil }
        return try await records.operation(String(decoding: holder, as: UTF8.self))
    }

    /// The operation that has the group.
    func unfinished(onGroup group: GroupSpec) async throws -> OperationRecord? {
        let records = Records(of: try cluster().pool(group.pool))
        let claim = OperationRecord.claim(onGroup: group.name, namespace: group.namespace)
        guard let holder = try await records.value(claim) else { return nil }
        return try await records.operation(String(decoding: holder, as: UTF8.self))
    }

    static func inProgress(_ other: OperationRecord, _ subject: String, field: String = "image") -> Problem {
        Problem(
            .operationInProgress,
            detail: "operation \(other.operation.id) (\(other.operation.kind)) is at work on \(subject)",
            field: field,
            remedy: .follow(operation: other.operation.id, cancellable: other.kind?.isCancellable == true)
        )
    }

    /// - Throws: `Problem` with `operation-not-found`; `CephError`.
    func record(_ id: String) async throws -> OperationRecord {
        if let record = try await known(id) { return record }
        // Another replica may have begun it a moment ago, in a pool that this one has not heard of.
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

    /// - Returns: nil where there is none, or none that whoever asks may know of.
    private func known(_ id: String) async throws -> OperationRecord? {
        let record = try await any(id)
        return record.flatMap { Access.current.mayFollow($0.operation) ? $0 : nil }
    }

    /// - Returns: nil where there is none. Whoever asks may not be allowed to know of it.
    func any(_ id: String) async throws -> OperationRecord? {
        guard let poolID = Self.poolID(ofOperation: id), let records = try await records(ofOperation: id) else {
            return nil
        }
        // A pool that is not ready has no other operation yet, nor could it be asked.
        if try await !creations.isMakingReady(records.pool, poolID) {
            let record = try await records.operation(id)
            creations.settle(poolID)
            if let record { return record }
        }
        guard let creation = try await creations.operation(onPool: records.pool), creation.id == id else { return nil }
        return OperationRecord(operation: creation, parameters: .init())
    }

    /// Asks for an end of the operation; whoever works on it will see that.
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
                detail: "operation \(id) has \(record.operation.state.rawValue) already",
                field: "operation"
            )
        }
        guard record.kind?.isCancellable != false else {
            throw Problem(
                .operationNotCancellable,
                detail: "operation \(id) (\(record.operation.kind)) would leave \(record.operation.subject) in between",
                field: "operation",
                hint: record.kind == .createPool ? "delete the pool" : nil,
                remedy: record.kind == .createPool ? nil : .follow(operation: id, cancellable: false)
            )
        }
        return record
    }

    /// The operations of some pools, the newest first. A pool that can't be read is left out.
    /// - Parameter pool: only that one's; nil for all pools.
    /// - Throws: `CephError`, where the one pool that was asked for can't be read.
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
        // Nothing can be read from it yet.
        if let creation, !creation.state.isFinished { return [creation] }
        let operations = try await read.list(Records(of: pool))
        return creation.map { (operations + [$0]).sorted(by: RBDAPI.Operation.isNewer) } ?? operations
    }

    /// - Returns: nil where it can't be an operation's id.
    private static func poolID(ofOperation id: String) -> Int64? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let poolID = Int64(parts[0]), poolID > 0, parts[1].count == 16,
            parts[1].allSatisfy({ $0.isHexDigit })
        else { return nil }
        return poolID
    }

    /// - Returns: nil where it can't be an operation's id, or the pool is gone.
    private func records(ofOperation id: String) async throws -> Records? {
        guard let poolID = Self.poolID(ofOperation: id) else { return nil }
        do {
            return Records(of: try await connection.cluster().pool(id: poolID))
        } catch let error as CephError where error.code == .poolNotFound {
            return nil
        }
    }
}
