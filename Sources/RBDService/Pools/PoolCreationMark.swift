// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import RBDAPI

/// The record of the operation that makes a pool ready. The new pool can't hold it, because it does not serve yet. So
/// the record is in the OSD map, as application metadata of the pool: `<number>.<created>[.<finished>]`, with the times
/// in milliseconds since 1970. The monitors allow no colons there. Any replica can read it.
struct PoolCreationMark: Hashable, Sendable {
    static let key = "rbd_rest_api.create_pool"

    /// The second part of the operation's id.
    let number: String
    private let created: Int64
    private var finished: Int64?

    init(number: String, createdAt: Date) {
        self.number = number
        created = Self.milliseconds(createdAt)
    }

    /// - Returns: nil if the text is not a record.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), parts[0].count == 16, let created = Int64(parts[1]) else { return nil }
        number = parts[0]
        self.created = created
        if parts.count == 3 {
            guard let finished = Int64(parts[2]) else { return nil }
            self.finished = finished
        }
    }

    var text: String {
        ([number, String(created)] + (finished.map { [String($0)] } ?? [])).joined(separator: ".")
    }

    var isFinished: Bool { finished != nil }

    mutating func finish(at date: Date) { finished = Self.milliseconds(date) }

    private static func milliseconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970 * 1000) }

    private static func date(_ milliseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// Reads the record from the pool's entry in the OSD map.
    static func read(_ pool: Ceph.Pool) async throws -> PoolCreationMark? {
        try await pool.mark(key).flatMap { PoolCreationMark($0) }
    }

    func operationID(inPool id: Int64) -> String { "\(id)-\(number)" }

    /// - Parameters:
    /// - progress: the progress in this process; nil if it does not run here.
    /// - retention: how long the operation is shown after its end.
    func operation(
        onPool name: String,
        id: Int64,
        _ progress: PoolCreations.Progress?,
        retention: Duration
    ) -> RBDAPI.Operation {
        var operation = RBDAPI.Operation(
            id: operationID(inPool: id),
            kind: OperationKind.createPool.rawValue,
            pool: name,
            createdAt: Timestamp.text(Self.date(created))
        )
        operation.attempts = 1
        operation.startedAt = operation.createdAt
        if let finished {
            operation.state = .succeeded
            operation.percent = 100
            operation.finishedAt = Timestamp.text(Self.date(finished))
            operation.expiresAt = expiry(retention).map(Timestamp.text)
        } else {
            operation.state = .running
            operation.percent = progress?.percent ?? 0
            operation.note = progress?.note
        }
        return operation
    }

    /// When the record may be deleted; nil if the operation is not finished.
    func expiry(_ retention: Duration) -> Date? {
        finished.map(Self.date)?.addingTimeInterval(Double(retention.components.seconds))
    }
}
