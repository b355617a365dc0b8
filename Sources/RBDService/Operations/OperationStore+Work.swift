// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import RBDAPI

/// What the process that has claimed an operation writes, and what every process scans.
extension OperationStore {
    /// Writes the current state.
    /// - Returns: false if another process has the operation by now.
    static func update(_ record: OperationRecord, _ claim: HeldClaim, in records: Records) async throws -> Bool {
        var change = Records.Change()
        change.require(record.operation.id, heldBy: claim)
        change.set("operation.\(record.operation.id)", to: record.bytes)
        return try await records.apply(change)
    }

    /// Writes the end, and releases the image.
    /// - Returns: the record as it was written; nil if another process has the operation by now.
    func finish(
        _ record: OperationRecord,
        _ state: RBDAPI.Operation.State,
        _ problem: Problem?,
        _ claim: HeldClaim,
        in records: Records
    ) async throws -> OperationRecord? {
        let id = record.operation.id
        let now = Date()
        // The record expires by the cluster's clock.
        let end = (try await records.now() + retention).date
        var record = record
        record.operation.state = state
        record.operation.problem = problem
        record.operation.note = nil
        if state == .succeeded { record.operation.percent = 100 }
        record.operation.finishedAt = Timestamp.text(now)
        record.operation.expiresAt = Timestamp.text(end)
        var change = Records.Change()
        change.require(id, heldBy: claim)
        change.set("operation.\(id)", to: record.bytes)
        change.set("\(Records.finishedPrefix)\(Self.sortable(end)).\(id)", to: [])
        change.remove("\(Records.openPrefix)\(id)")
        change.remove("cancel.\(id)")
        for claim in record.claims { change.remove(claim) }
        return try await records.apply(change) ? record : nil
    }

    /// The unfinished operations of a pool.
    static func open(in records: Records) async throws -> [(id: String, owner: String?)] {
        try await records.values(prefix: Records.openPrefix).map { key, value in
            (
                String(key.dropFirst(Records.openPrefix.count)),
                value.isEmpty ? nil : String(decoding: value, as: UTF8.self)
            )
        }
    }

    /// Counts the death of the replica that worked on an operation. The caller has taken over its claim, so nothing
    /// else writes the record.
    /// - Parameter claim: the token of the claim under which the death is cleaned up.
    func noteDeath(of id: String, _ claim: String, in records: Records) async throws {
        let key = "operation.\(id)"
        guard let value = try await records.value(key), var record = OperationRecord(value, in: records.pool.name),
            record.operation.state == .running
        else { return }
        record.noteDeath(claim)
        var change = Records.Change()
        change.require(key, equals: value)
        change.set(key, to: record.bytes)
        _ = try await records.apply(change)
    }

    /// Removes the records that have expired by the cluster's clock. The cluster is only asked if records have expired
    /// by this machine's clock.
    static func forgetFinished(in records: Records) async throws {
        let prefix = Records.finishedPrefix
        let keys = try await records.values(prefix: prefix, limit: 1000).map(\.key)
        func due(_ now: Date) -> [String] { Array(keys.prefix { $0.dropFirst(prefix.count) < sortable(now) }) }
        guard !due(Date()).isEmpty else { return }
        let due = due(try await records.now().date)
        guard !due.isEmpty else { return }
        var change = Records.Change()
        for key in due {
            change.remove(key)
            if let id = key.split(separator: ".").last { change.remove("operation.\(id)") }
        }
        _ = try await records.apply(change)
    }

    /// The operations that a process works on.
    static func claimed(in records: Records) async throws -> Set<String> {
        let prefix = ClaimSubject.operation("").key
        return Set(try await records.values(prefix: prefix).map { String($0.key.dropFirst(prefix.count)) })
    }

    /// A time as a string. The strings sort like the times.
    static func sortable(_ date: Date) -> String {
        UInt64(max(0, date.timeIntervalSince1970)).text(digits: 12)
    }
}

extension Records.Change {
    /// Applies the change only if this claim still has the operation.
    fileprivate mutating func require(_ operation: String, heldBy claim: HeldClaim) {
        require(ClaimSubject.operation(operation).key, equals: claim.bytes)
    }
}
