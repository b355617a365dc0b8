// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// The exclusive claims of replicas: at most one replica works on each image, by its id, and on each name.
///
/// A claim is a set of keys beside the records of operations in the image's pool. They are written in one RADOS
/// operation that fails if one of them exists. Only the holder removes them, or a replica that has first shut the
/// holder's client out of the cluster. So if a holder was stopped for a minute and then continues, the OSDs refuse
/// whatever it does. The lease only decides how soon a silent holder is replaced. Safety does not depend on it.
final class Claims: Sendable {
    /// How long a holder may give no sign of life before it counts as dead.
    let lease: Duration
    let connection: ClusterConnection
    let logger: Logger
    /// Cleans up what a holder may have left incomplete. Its claim is held meanwhile.
    typealias Settler = @Sendable (ClaimRecord, Ceph.Pool) async throws -> Void
    let settle: Settler
    /// Whether a pool can be read yet.
    let isReady: @Sendable (Ceph.Pool) async -> Bool
    /// Separate threads: claims are released, and kept alive, even if the threads for images are stuck.
    static let threads = ThreadPurpose("claims", .init(threads: 8, queue: 4096, replacements: 24))
    /// Only for signs of life. A replica whose calls to a pool are refused must not be taken for dead by those that can
    /// still use the pool.
    static let heart = ThreadPurpose(
        "heart",
        .init(threads: 4, queue: 4096, replacements: 12),
        ignoresBreakers: true
    )
    /// Whether the shutdown no longer waits for claims to be released.
    let isOver = Flag()
    let sightings: Mutex<Sightings>
    let sessions = Mutex<[ClaimSession]>([])
    private let shutOuts = Atomic(0)
    /// How many sessions of other replicas this process has shut out.
    var takeovers: Int { shutOuts.load(ordering: .relaxed) }

    /// How long a change waits for another short change.
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

    /// The session of the current connection.
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

    /// Another holder has one of the subjects.
    struct Conflict: Error {
        /// Nil if it is unknown.
        var holder: ClaimRecord?
        /// The operation that the holder works on, which may take long.
        var operation: String?
        /// How long to wait before the next attempt.
        var patience = Duration.seconds(1)
    }

    /// Splits subjects for several claims: each key of a claim has a value that lists all keys of the claim.
    static func batches<Element>(_ all: [Element]) -> [[Element]] {
        let size = 32
        return stride(from: 0, to: all.count, by: size).map { Array(all[$0..<min($0 + size, all.count)]) }
    }

    /// Claims all of the subjects, or none. It waits for a subject that another holder has for a short change.
    /// - Parameter absent: keys in the records that must not exist either: the claims of unfinished operations.
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
                // A claim without a holder is being cleaned up.
                guard .now < limit else { throw Conflict() }
                continue
            }
            guard waits, conflict.operation == nil, .now + pause < limit else { throw conflict }
            try await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            pause = min(pause * 2, .milliseconds(100))
        }
    }

    /// - Returns: nil if another holder has one of the subjects.
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
        // An image in the trash is kept until a time of the cluster's clock.
        if record.purpose == .deleteImage { change.noteTime() }
        session.sign(&change)
        return try await write(change, of: record, bytes, in: pool, session)
    }

    /// Writes a claim. The caller may be released at its deadline, before it is known whether the claim was made. So
    /// the call that makes the claim also holds it, and releases it when it ends.
    /// - Returns: nil if the change's conditions do not hold.
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
            if isTaken {
                session.arrived(in: pool, sent: sent)
                return claim
            }
            // The sign of life was not written either.
            claim.forget()
            return nil
        } catch let error as CephError {
            if error.code != .timedOut { claim.forget() }
            throw error
        }
    }

    /// Finds the holder of one of the keys. A claim without a holder is cleaned up.
    /// - Returns: nil if the attempt can be repeated immediately.
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
        // A holder whose operation has finished is about to release the claim.
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
            try await endSession(holder.session, sign, in: pool, session)
        } catch let error as CephError where error.code == .timedOut || error.code == .notStarted {
            // The monitors are slow, and the request has no time left. The next look continues.
            return Conflict(holder: holder, operation: operation)
        }
        await takeOver(holder, value, in: pool, session)
        return nil
    }

    /// - Returns: nil if the operation is finished.
    private func unfinished(_ operation: String?, in records: Records) async throws -> String? {
        guard let operation else { return nil }
        let record = try await records.operation(operation)
        return record?.operation.state.isFinished == true ? nil : operation
    }

    /// The holder's lease or our own, whichever is longer, so that neither counts as dead too early.
    func longestLease(_ sign: [UInt8]) -> Duration {
        max(lease, ClaimSession.Sign(sign)?.lease ?? lease)
    }

    // MARK: Releasing

    /// Releases a claim. If a change under it may be incomplete, that is cleaned up first.
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
        // Until then, no other replica may touch the subjects. If this process ends before, other replicas take over.
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
                    "a claim can't be released yet",
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

    /// Shuts a session's client out of the cluster, and tells all other replicas by removing the session's record.
    func endSession(_ id: String, _ sign: [UInt8], in pool: String, _ session: ClaimSession) async throws {
        guard let address = ClaimSession.Sign(sign)?.address else { return }
        logger.warning(
            "a replica gives no sign of life: it is being shut out of the cluster",
            metadata: [LogKeys.pool: "\(pool)", LogKeys.client: "\(address)"]
        )
        try await session.shutOut(address)
        let records = records(pool, session)
        // The session's last signs may have been written before the OSD knew that its client is shut out.
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

    /// Takes over a claim without a holder, cleans up after its former holder, and releases it.
    func takeOver(_ record: ClaimRecord, _ value: [UInt8], in pool: String, _ session: ClaimSession) async {
        do {
            // Another replica may have shut the holder out. This connection must know it, too.
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
                "cleaning up after a replica that is gone",
                metadata: [
                    LogKeys.pool: "\(pool)", LogKeys.operation: "\(record.purpose.rawValue)",
                    LogKeys.image: "\(record.names.first?.text ?? record.imageIDs.first ?? "")",
                ]
            )
            claim.unsettle()
        } catch {
            logger.warning(
                "the claim of a replica that is gone can't be taken over yet",
                metadata: [LogKeys.pool: "\(pool)", LogKeys.error: "\(String(reflecting: error))"]
            )
            try? await Task.sleep(for: .milliseconds(200))
        }
    }
}
