// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// An operation as it is kept in RADOS: what is told of it, and what is needed to do it.
struct OperationRecord: Codable, Sendable {
    var operation: RBDAPI.Operation
    var parameters: Parameters
    /// The identity that asked for it; nil for the service itself, and where nobody is asked who he is.
    var owner: String?
    /// How often the process that worked on it has died since it was last seen to come further.
    var deaths: Int?
    /// How far it was when one has died.
    var percentAtDeath: Double?
    /// The claim of whoever cleared up then: that is tried again where it fails, and counts once.
    var lastDeath: String?

    struct Parameters: Codable, Sendable, Equatable {
        /// Purge an image before it has been in the trash for as long as it was to be kept.
        var force: Bool?
        /// How large a run of zeros must be that is given back.
        var blockBytes: Int?
        /// Where the copy goes.
        var target: Target?
        /// The state that is copied, or gone back to.
        var snapshot: String?
        /// By which it is found where it was renamed.
        var snapshotID: UInt64?
        var withSnapshots: Bool?
        /// Everything is copied; what is left is to give the copy its name.
        var isCopied: Bool?
        /// What a smaller image is to have.
        var sizeBytes: UInt64?
        /// The images of a group that are worked on, as far as they are in the group's pool.
        var imageIDs: [String]?
        /// Those in other pools, by the pools' names.
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

    /// Whether the other was asked for a second time. How a purge or a sparsify is done makes no other work of it.
    func isSameWork(as other: OperationRecord) -> Bool {
        operation.kind == other.operation.kind && operation.imageID == other.operation.imageID
            && operation.group == other.operation.group && parameters.sizeBytes == other.parameters.sizeBytes
            && parameters.target == other.parameters.target && parameters.snapshot == other.parameters.snapshot
            && parameters.snapshotID == other.parameters.snapshotID
            && (parameters.withSnapshots ?? false) == (other.parameters.withSnapshots ?? false)
    }

    /// After so many it is not tried again.
    static let mostDeaths = 3

    /// Counts that the one who worked on it has gone without a word.
    /// - Parameter claim: the token of the claim under which that is cleared up.
    mutating func noteDeath(_ claim: String) {
        // Many operations are at work where a replica dies. Those that the OSDs do have hardly been the cause.
        guard kind?.movesData == true, claim != lastDeath else { return }
        lastDeath = claim
        let percent = operation.percent
        if let before = percentAtDeath, percent <= before {
            deaths = (deaths ?? 0) + 1
        } else {
            (deaths, percentAtDeath) = (1, percent)
        }
    }

    /// Why it is not tried again: whoever works on it dies of it. Nil where it is.
    var deadEnd: Problem? {
        guard let deaths, deaths >= Self.mostDeaths else { return nil }
        return Problem(
            .operationStopped,
            detail:
                "\(deaths) times the replica that worked on it ended before it came further than \(operation.percent) %",
            hint:
                "find out why the replicas end (kubectl describe pod shows if they ran out of memory), then start it again"
        )
    }

    /// What no two unfinished operations may have in common: the image that they change, the copy that they make, or the
    /// group and its images.
    var claims: [String] {
        if let target = parameters.target { return ["claim.copy.\(target.spec)"] }
        let namespace = operation.namespace
        guard let group = operation.group else {
            return [Self.claim(onImage: operation.imageID, namespace: namespace)]
        }
        return [Self.claim(onGroup: group, namespace: namespace)]
            + (parameters.imageIDs ?? []).map { Self.claim(onImage: $0, namespace: namespace) }
    }

    /// What is claimed in the operation's pool for as long as somebody works on it. The image that is copied is not: it may be changed
    /// meanwhile, as the copy is made from a snapshot.
    /// - Parameter pool: the name of the pool now.
    func subjects(in pool: String) -> [ClaimSubject] {
        let namespace = operation.namespace
        switch kind {
        case .copyImage: return target(in: pool)
        case .rollBackGroup:
            return [.group(operation.group ?? "", namespace: namespace)]
                + (parameters.imageIDs ?? []).sorted().map { .image(id: $0, namespace: namespace) }
        case .createPool, nil: return []
        default: return [.image(id: operation.imageID, namespace: namespace)]
        }
    }

    /// The name that a copy gets, and the one that it has before, where they are in the pool.
    private func target(in pool: String) -> [ClaimSubject] {
        guard let target = parameters.target, target.pool == pool else { return [] }
        return [target.name, temporaryName].sorted()
            .map { .name(RawName($0), namespace: target.namespace) }
    }

    /// The name that a copy has until it is whole.
    var temporaryName: String { Self.temporaryPrefix + operation.id }

    /// The operation that makes the copy; nil where it is no such name.
    static func operationID(ofTemporaryName name: String) -> String? {
        name.hasPrefix(temporaryPrefix) ? String(name.dropFirst(temporaryPrefix.count)) : nil
    }

    private static let temporaryPrefix = "rbd-rest-api.copy-"

    /// What is claimed in other pools.
    var subjectsElsewhere: [(pool: String, subjects: [ClaimSubject])] {
        switch kind {
        case .copyImage:
            guard let target = parameters.target, target.pool != operation.pool else { return [] }
            return [(target.pool, self.target(in: target.pool))]
        case .rollBackGroup:
            return (parameters.imageIDsElsewhere ?? [:]).sorted { $0.key < $1.key }.map { pool, ids in
                (pool, ids.sorted().map { .image(id: $0, namespace: operation.namespace) })
            }
        default: return []
        }
    }

    static func claim(onImage id: String, namespace: String) -> String { "claim.image.\(namespace)/\(id)" }

    static func claim(onGroup name: String, namespace: String) -> String { "claim.group.\(namespace)/\(name)" }
}

extension OperationRecord {
    /// - Parameter pool: where the record was found; the pool may have had another name when it was written.
    init?(_ bytes: [UInt8], in pool: String) {
        guard let record = try? JSONDecoder().decode(OperationRecord.self, from: Data(bytes)) else { return nil }
        self = record
        operation.pool = pool
    }

    var bytes: [UInt8] {
        // Our own types hold nothing that JSON can't.
        (try? JSONEncoder().encode(self)).map(Array.init) ?? []
    }
}
