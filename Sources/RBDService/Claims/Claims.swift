// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// Order between replicas: for each image, by its id, and for each name at most one of them is at work.
///
/// A claim is some keys beside the records of operations in the image's pool, written together in one operation that
/// fails where one of them is there. Nothing but the holder removes them, or whoever has shut the holder's client out
/// of the cluster before; so whatever a holder does that was stopped for a minute and goes on is refused by the OSDs.
/// How soon a holder is taken for dead is a matter of patience and not of safety.
final class Claims: Sendable {
    /// By when a holder that gives no sign of life is taken for dead.
    let lease: Duration
    let connection: ClusterConnection
    let logger: Logger
    /// Clears up what a holder may have left half-made. Its claim is held meanwhile.
    typealias Settler = @Sendable (ClaimRecord, Ceph.Pool) async throws -> Void
    let settle: Settler
    /// Whether a pool can be asked for anything yet.
    let isReady: @Sendable (Ceph.Pool) async -> Bool
    /// Apart from those of the images: claims are let go, and kept alive, also while the others are stuck.
    static let threads = ThreadPurpose("claims", .init(threads: 8, queue: 4096, replacements: 24))
    /// For nothing but signs of life.
    static let heart = ThreadPurpose("heart", .init(threads: 4, queue: 4096, replacements: 12))
    /// Nobody waits any more for claims to be let go.
    let isOver = Flag()
    let sightings: Mutex<Sightings>
    let sessions = Mutex<[ClaimSession]>([])
    private let shutOuts = Atomic(0)
    /// How many sessions of others this process has shut out.
    var takeovers: Int { shutOuts.load(ordering: .relaxed) }

    /// How long a change waits for another one that is short.
    private static let patience = Duration.seconds(5)

    init(
        connection: ClusterConnection,
        lease: Duration,
        logger: Logger,
        isReady: @escaping @Sendable (Ceph.Pool) async -> Bool,
        settle: @escaping Settler
    ) {
        (self.connection, self.lease, self.logger) = (connection, lease, logger)
        (self.isReady, self.settle) = (isReady, settle)
        sightings = Mutex(Sightings())
    }

    // MARK: Sessions

    /// The session of the connection that there is.
    /// - Throws: `CephError` with `.clusterUnreachable` while there is no connection.
    func session() throws(CephError) -> ClaimSession {
        session(of: try connection.cluster())
    }

    func session(of cluster: Cluster) -> ClaimSession {
        sessions.withLock { sessions in
            if let session = sessions.first(where: { $0.cluster === cluster }) { return session }
            sessions.removeAll { $0.pools.isEmpty }
            let session = ClaimSession(cluster, lease: lease)
            sessions.append(session)
            return session
        }
    }

    var allSessions: [ClaimSession] { sessions.withLock { $0 } }

    func records(_ pool: String, _ session: ClaimSession) -> Records {
        let threads = session.cluster.threads(for: Self.threads)
        return Records(pool: session.cluster.pool(pool), object: Records.object, threads: threads)
    }

    // MARK: Taking

    /// Somebody else is at it.
    struct Conflict: Error {
        /// Nil where it can't be told.
        var holder: ClaimRecord?
        /// The operation that it is for, which takes as long as there is data.
        var operation: String?
        /// After so long it is worth to try again.
        var patience = Duration.seconds(1)
    }

    /// Each key of a claim has a value that lists all of them: what is much is claimed in several steps.
    static func batches<Element>(_ all: [Element]) -> [[Element]] {
        let size = 32
        return stride(from: 0, to: all.count, by: size).map { Array(all[$0..<min($0 + size, all.count)]) }
    }

    /// Takes all of the subjects, or none. One that another holder has for something short is waited for.
    /// - Parameter absent: keys of the records that must not be there either: claims of operations that are not
    ///   finished.
    /// - Throws: ``Conflict``; `CephError`.
    func take(
        _ subjects: [ClaimSubject],
        for purpose: ClaimPurpose,
        in pool: String,
        _ session: ClaimSession,
        operation: String? = nil,
        unless absent: [String] = [],
        waits: Bool = true
    ) async throws -> HeldClaim {
        let limit = min(.now + Self.patience, (Deadline.current ?? .now + Self.patience) - .milliseconds(300))
        var pause = Duration.milliseconds(2)
        while true {
            let record = ClaimRecord(subjects, for: purpose, by: session, operation: operation)
            if let claim = try await attempt(record, in: pool, session, unless: absent) { return claim }
            guard let conflict = try await conflict(over: record.keys, or: absent, in: pool, session) else {
                // What was nobody's is being cleared up.
                guard .now < limit else { throw Conflict() }
                continue
            }
            guard waits, conflict.operation == nil, .now + pause < limit else { throw conflict }
            try await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            pause = min(pause * 2, .milliseconds(100))
        }
    }

    /// - Returns: nil where somebody has one of the subjects.
    private func attempt(
        _ record: ClaimRecord,
        in pool: String,
        _ session: ClaimSession,
        unless absent: [String]
    ) async throws -> HeldClaim? {
        let bytes = record.bytes
        var change = Records.Change()
        for key in record.keys {
            change.require(absent: key)
            change.set(key, to: bytes)
        }
        for key in absent { change.require(absent: key) }
        // What is put into the trash is kept there until a moment that the cluster's clock tells.
        if record.purpose == .deleteImage { change.noteTime() }
        session.sign(&change)
        return try await write(change, of: record, bytes, in: pool, session)
    }

    /// Writes a claim. The caller may be let go at its deadline before it is known whether the claim was made: the
    /// claim is held by the very call that makes it, and let go with its end.
    /// - Returns: nil where the change's conditions do not hold.
    private func write(
        _ change: Records.Change,
        of record: ClaimRecord,
        _ bytes: [UInt8],
        in pool: String,
        _ session: ClaimSession
    ) async throws -> HeldClaim? {
        let claim = HeldClaim(record, bytes, pool: pool, session: session, claims: self)
        let sent = ContinuousClock.now
        do {
            let records = records(pool, session)
            let isTaken = try await Hold.$current.withValue(claim) { try await records.apply(change) }
            session.arrived(in: pool, sent: sent)
            if isTaken { return claim }
            claim.forget()
            return nil
        } catch let error as CephError {
            if error.code != .timedOut { claim.forget() }
            throw error
        }
    }

    /// Finds out who has one of the keys. What is nobody's any more is cleared up.
    /// - Returns: nil where it is worth to try again at once.
    private func conflict(
        over keys: [String],
        or absent: [String],
        in pool: String,
        _ session: ClaimSession
    ) async throws -> Conflict? {
        let records = records(pool, session)
        let asked = ContinuousClock.now
        let found = try await records.values(of: keys + absent)
        if let operation = absent.lazy.compactMap({ found[$0] }).first {
            return Conflict(operation: String(decoding: operation, as: UTF8.self))
        }
        guard let value = keys.lazy.compactMap({ found[$0] }).first else { return nil }
        guard let holder = ClaimRecord(value) else { return Conflict() }
        // One that has come to its end is just about to let go.
        let operation = try await unfinished(holder.operation, in: records)
        guard holder.session != session.id else { return Conflict(holder: holder, operation: operation) }
        let sign = try await records.values(of: [ClaimSession.key(holder.session)]).first?.value
        guard let sign else {
            await takeOver(holder, value, in: pool, session)
            return nil
        }
        let sighted = Sightings.Session(pool: pool, id: holder.session)
        let lease = longestLease(sign)
        let (isDead, patience) = sightings.withLock { sightings in
            (
                sightings.see(sighted, sign, lease: lease, asked: asked, answered: .now),
                sightings.patience(with: sighted, lease: lease)
            )
        }
        guard isDead else { return Conflict(holder: holder, operation: operation, patience: patience) }
        do {
            try await bury(holder.session, sign, in: pool, session)
        } catch let error as CephError where error.code == .timedOut || error.code == .notStarted {
            // The monitors take their time, and the request has no more: the next look goes on with it.
            return Conflict(holder: holder, operation: operation)
        }
        await takeOver(holder, value, in: pool, session)
        return nil
    }

    /// - Returns: nil where the operation is finished.
    private func unfinished(_ operation: String?, in records: Records) async throws -> String? {
        guard let operation else { return nil }
        let record = try await records.operation(operation)
        return record?.operation.state.isFinished == true ? nil : operation
    }

    /// The holder's own or ours, whichever is longer: neither is taken for dead before its time.
    func longestLease(_ sign: [UInt8]) -> Duration {
        max(lease, ClaimSession.Sign(sign)?.lease ?? lease)
    }

    // MARK: Letting go

    /// Removes a claim. What was done under it and may have been left half-made is cleared up before.
    func release(
        _ record: ClaimRecord,
        _ bytes: [UInt8],
        pool: String,
        _ session: ClaimSession,
        isUnsettled: Bool
    ) async {
        defer { session.ended(in: pool) }
        let records = records(pool, session)
        var isUnsettled = isUnsettled
        var pause = Duration.milliseconds(100)
        // Until then nobody else may touch what it is about; where this process ends before, others take over.
        while !session.isLost, !isOver.isRaised {
            do {
                if isUnsettled { try await settle(record, records.pool) }
                isUnsettled = false
                var change = Records.Change()
                for key in record.keys {
                    change.require(key, equals: bytes)
                    change.remove(key)
                }
                _ = try await records.apply(change)
                return
            } catch let error as CephError {
                if error.code == .poolNotFound || error.code == .clientBlocklisted || error.code == .shutDown { return }
                logger.debug(
                    "a claim can't be let go yet",
                    metadata: [LogKeys.pool: "\(pool)", LogKeys.error: "\(error.debugDescription)"]
                )
            } catch {
                return
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(2))
        }
    }

    // MARK: Taking over

    /// Shuts a session's client out of the cluster, and says so to all others by removing the session's record.
    func bury(_ id: String, _ sign: [UInt8], in pool: String, _ session: ClaimSession) async throws {
        guard let address = ClaimSession.Sign(sign)?.address else { return }
        logger.warning(
            "a replica gives no sign of life, and is shut out of the cluster",
            metadata: [LogKeys.pool: "\(pool)", LogKeys.client: "\(address)"]
        )
        try await session.shutOut(address)
        let records = records(pool, session)
        // Its last signs may have come before the OSD had heard of it.
        var last: [UInt8]? = sign
        while let value = last {
            var change = Records.Change()
            change.require(ClaimSession.key(id), equals: value)
            change.remove(ClaimSession.key(id))
            if try await records.apply(change) { break }
            last = try await records.values(of: [ClaimSession.key(id)]).first?.value
        }
        shutOuts.add(1, ordering: .relaxed)
    }

    /// Takes a claim that is nobody's any more, clears up after its holder, and lets it go.
    func takeOver(_ record: ClaimRecord, _ value: [UInt8], in pool: String, _ session: ClaimSession) async {
        do {
            // Another replica may have shut the holder out: this connection must know it, too.
            if record.address != session.address { try await session.shutOut(record.address) }
            let mine = record.taken(over: session)
            let bytes = mine.bytes
            var change = Records.Change()
            for key in record.keys {
                change.require(key, equals: value)
                change.set(key, to: bytes)
            }
            session.sign(&change)
            guard let claim = try await write(change, of: mine, bytes, in: pool, session) else { return }
            logger.notice(
                "clearing up after a replica that is gone",
                metadata: [
                    LogKeys.pool: "\(pool)", LogKeys.operation: "\(record.purpose.rawValue)",
                    LogKeys.image: "\(record.names.first?.text ?? record.imageIDs.first ?? "")",
                ]
            )
            claim.unsettle()
        } catch {
            logger.warning(
                "what a replica has claimed that is gone can't be taken over yet",
                metadata: [LogKeys.pool: "\(pool)", LogKeys.error: "\(String(reflecting: error))"]
            )
            try? await Task.sleep(for: .milliseconds(200))
        }
    }
}
