// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// What the work of an operation is. Each kind has a file in Operations/Kinds. A record of a kind that this release
/// does not know is left to the newer release that wrote it.
struct OperationKind: Hashable, Sendable, CustomStringConvertible {
    /// Finds or begins the work itself.
    let task: any OperationTask.Type

    init(_ task: any OperationTask.Type) {
        self.task = task
    }

    /// - Parameter rawValue: the name of the kind in the API and in records.
    init?(rawValue: String) {
        guard let kind = Self.byName[rawValue] else { return nil }
        self = kind
    }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.rawValue, $0) })

    var rawValue: String { task.name }
    var description: String { rawValue }
    /// The right that a caller needs to begin the operation, and to cancel it.
    var verb: Verb { task.verb }
    /// Whether the image stays whole if the work is given up.
    var isCancellable: Bool { task.isCancellable }
    /// Whether data passes through this process, which takes memory.
    var movesData: Bool { task.movesData }

    static func == (one: Self, other: Self) -> Bool { one.rawValue == other.rawValue }

    func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// The work of one operation, with its parameters. All of it can be begun again after it was broken off anywhere.
protocol OperationTask: Sendable {
    /// The name of the kind in the API and in records. It must never change: records outlive releases.
    static var name: String { get }
    static var verb: Verb { get }
    static var isCancellable: Bool { get }
    static var movesData: Bool { get }
    /// What is true of the image if the work fails after it has begun; nil where such an image is whole.
    static var afterFailure: String? { get }

    /// - Throws: `Problem` with `internal-error`, where the record lacks what the work can't be done without.
    init(_ record: OperationRecord) throws(Problem)

    /// The parameters as the record holds them.
    var parameters: OperationRecord.Parameters { get }

    /// Whether the other was requested for the same work on the same image or group.
    func isSame(as other: Self) -> Bool

    /// What must be claimed while the work is being done, by the name of the pool.
    func subjects(of record: OperationRecord) -> [String: [ClaimSubject]]

    /// Does the work.
    /// - Throws: `CephError`; `Problem`, where it is known what is in the way.
    func perform(_ job: OperationJob) async throws

    /// Removes what is left of work that was given up.
    /// - Throws: `CephError`, `Problem`.
    func cleanUp(_ job: OperationJob) async throws

    /// Names the clients and snapshots that an error means which says that the image is busy.
    /// - Returns: nil where there are none any more.
    func blockers(_ job: OperationJob) async throws -> Problem?
}

extension OperationTask {
    static var movesData: Bool { false }
    static var afterFailure: String? { nil }

    var parameters: OperationRecord.Parameters { OperationRecord.Parameters() }

    func isSame(as other: Self) -> Bool { true }

    func subjects(of record: OperationRecord) -> [String: [ClaimSubject]] {
        [record.operation.pool: [.image(id: record.operation.imageID, namespace: record.operation.namespace)]]
    }

    func cleanUp(_ job: OperationJob) async throws {}

    func blockers(_ job: OperationJob) async throws -> Problem? {
        Problem(changing: job.record.operation.spec, try await job.pool.use(ofImageID: job.imageID))
    }

    static var kind: OperationKind { OperationKind(Self.self) }

    /// Whether the other is of the same kind, and the same work.
    func isSame(asAny other: any OperationTask) -> Bool {
        guard let other = other as? Self else { return false }
        return isSame(as: other)
    }
}
