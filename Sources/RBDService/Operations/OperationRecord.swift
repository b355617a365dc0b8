// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// An operation as it is stored in RADOS: what callers see of it, and what the work needs.
struct OperationRecord: Codable, Sendable {
    var operation: RBDAPI.Operation
    var parameters: Parameters
    /// The identity that requested the operation; nil for the service itself, and if callers are not authenticated.
    var owner: String?
    /// How often the process that worked on it has died without further progress.
    var deaths: Int?
    /// The progress at the last death that followed progress.
    var percentAtDeath: Double?
    /// The claim under which the last death was cleaned up. A cleanup that fails is repeated, but the death counts
    /// once.
    var lastDeath: String?

    struct Parameters: Codable, Sendable, Equatable {
        /// Purge an image even if it has not expired.
        var force: Bool?
        /// The size of the blocks that are freed if they contain only zeros.
        var blockBytes: Int?
        /// The destination of a copy.
        var target: Target?
        /// The snapshot that is copied, or to which the image is rolled back.
        var snapshot: String?
        /// The id of the snapshot, by which it is found if it was renamed.
        var snapshotID: UInt64?
        var withSnapshots: Bool?
        /// Whether all data is copied, and only the copy's rename is missing.
        var isCopied: Bool?
        /// The new size of an image that shrinks.
        var sizeBytes: UInt64?
        /// The images of a group that the operation changes, if they are in the group's pool.
        var imageIDs: [String]?
        /// The images in other pools, by the pools' names.
        var imageIDsElsewhere: [String: [String]]?
    }

    struct Target: Codable, Sendable, Equatable {
        var pool: String
        var namespace: String
        var name: String

        var spec: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: name) }
    }

    var kind: OperationKind? { OperationKind(rawValue: operation.kind) }
    var place: Place { Place(pool: operation.pool, namespace: operation.namespace) }

    /// The work with its parameters; nil where a newer release wrote the record.
    /// - Throws: `Problem` with `internal-error`, where the record lacks a parameter.
    var task: (any OperationTask)? {
        get throws(Problem) { try kind?.task.init(self) }
    }

    /// Whether the other operation is a repeated request for this one. Options such as `force` of a purge or the block
    /// size of a sparsify do not make it different work.
    func isSameWork(as other: OperationRecord) -> Bool {
        guard operation.imageID == other.operation.imageID, operation.group == other.operation.group,
            let task = try? task, let otherTask = try? other.task
        else { return false }
        return task.isSame(asAny: otherTask)
    }

    /// - Throws: `Problem` with `internal-error` where the value is missing: a record that lacks it must not count as
    ///   done.
    func required<Value>(_ value: Value?, _ name: String) throws(Problem) -> Value {
        if let value { return value }
        throw Problem(
            .internalError,
            detail: "the record of operation \(operation.id) (\(operation.kind)) lacks its \(name)",
            hint: "start it again"
        )
    }

    /// After this many deaths, the operation is not tried again.
    static let mostDeaths = 3

    /// Counts the death of the process that worked on the operation.
    /// - Parameter claim: the token of the claim under which the death is cleaned up.
    mutating func noteDeath(_ claim: String) {
        // Many operations run on a replica that dies. Those whose data does not pass through it are hardly the cause.
        guard kind?.movesData == true, claim != lastDeath else { return }
        lastDeath = claim
        let percent = operation.percent
        if let before = percentAtDeath, percent <= before {
            deaths = (deaths ?? 0) + 1
        } else {
            (deaths, percentAtDeath) = (1, percent)
        }
    }

    /// Why the operation is not tried again: every process that works on it dies. Nil if it is tried.
    var deadEnd: Problem? {
        guard let deaths, deaths >= Self.mostDeaths else { return nil }
        return Problem(
            .operationStopped,
            detail:
                "the replica that worked on it died \(deaths) times before it got beyond \(operation.percent) %",
            hint:
                "find out why the replicas end (kubectl describe pod shows if they ran out of memory), then start it again"
        )
    }

    /// The keys that no two unfinished operations may have in common: for the image that they change, the copy that
    /// they create, or the group and its images.
    var claims: [String] {
        if let target = parameters.target { return ["claim.copy.\(target.spec)"] }
        let namespace = operation.namespace
        guard let group = operation.group else {
            return [Self.claim(onImage: operation.imageID, namespace: namespace)]
        }
        return [Self.claim(onGroup: group, namespace: namespace)]
            + (parameters.imageIDs ?? []).map { Self.claim(onImage: $0, namespace: namespace) }
    }

    /// What is claimed while a process works on it, by the names of the pools.
    var subjects: [String: [ClaimSubject]] { (try? task)?.subjects(of: self) ?? [:] }

    /// The temporary name of a copy until it is complete.
    var temporaryName: String { Self.temporaryPrefix + operation.id }

    /// The id of the operation that makes the copy; nil if this is no temporary name of a copy.
    static func operationID(ofTemporaryName name: String) -> String? {
        name.hasPrefix(temporaryPrefix) ? String(name.dropFirst(temporaryPrefix.count)) : nil
    }

    private static let temporaryPrefix = "rbd-rest-api.copy-"

    static func claim(onImage id: String, namespace: String) -> String { "claim.image.\(namespace)/\(id)" }

    static func claim(onGroup name: String, namespace: String) -> String { "claim.group.\(namespace)/\(name)" }
}

extension OperationRecord {
    /// - Parameter pool: where the record was found. The pool may have been renamed since the record was written.
    init?(_ bytes: [UInt8], in pool: String) {
        guard let record = try? JSONDecoder().decode(OperationRecord.self, from: Data(bytes)) else { return nil }
        self = record
        operation.pool = pool
    }

    var bytes: [UInt8] {
        // These types contain nothing that JSON can't represent.
        (try? JSONEncoder().encode(self)).map(Array.init) ?? []
    }
}
