// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import ServiceLifecycle
import Synchronization

/// Gives signs of life in the pools where this process has claims, and watches those of other replicas.
extension Claims: Service {
    /// How many leases after its last sign of life the record of a session without claims is removed.
    private static let leasesUntilForgotten = 20
    /// How long a shutdown waits until claims are released. Other replicas clean up the remaining claims.
    private static let shutdownPatience = Duration.seconds(10)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.keepAlive() }
                group.addTask { await self.watch() }
            }
        }
        // This also runs if this task was cancelled.
        await Task.detached { await self.end() }.value
        isOver.raise()
        // A connection closes when its last user releases it.
        sessions.withLock { $0.removeAll() }
    }

    // MARK: This process's sign of life

    /// Nothing that this waits for depends on the load of the service.
    private func keepAlive() async {
        await everyQuarter { group, busy in
            for session in allSessions where !session.isLost {
                for pool in session.pools where busy.begin("\(session.id) \(pool)") {
                    group.addTask {
                        await self.signal(in: pool, session)
                        busy.end("\(session.id) \(pool)")
                    }
                }
            }
        }
    }

    private func signal(in pool: String, _ session: ClaimSession) async {
        // Making a claim is also a sign of life.
        if let confirmed = session.confirmed(in: pool), .now - confirmed < lease / 8 { return }
        var change = Records.Change()
        session.sign(&change)
        let heart = session.cluster.threads(for: Self.heart)
        let records = Records(pool: session.cluster.pool(pool), object: Records.object, threads: heart)
        let sent = ContinuousClock.now
        do {
            _ = try await records.apply(change)
            session.arrived(in: pool, sent: sent)
        } catch let error as CephError where error.code == .clientBlocklisted {
            session.giveUp()
        } catch {
            // There is time for another sign before the lease ends.
        }
    }

    // MARK: Signs of other replicas

    private func watch() async {
        await everyQuarter { group, busy in
            for pool in await pools() where busy.begin(pool) {
                group.addTask {
                    await self.look(at: pool)
                    busy.end(pool)
                }
            }
        }
    }

    /// Runs the body four times per lease. A slow pool delays only itself.
    private func everyQuarter(_ body: (inout DiscardingTaskGroup, BusySet) async -> Void) async {
        let busy = BusySet()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                await body(&group, busy)
                try? await Task.sleep(for: lease / 4)
            }
        }
    }

    /// The pools that answer, and those in which this process has claims.
    private func pools() async -> Set<String> {
        let claimed = allSessions.flatMap(\.pools)
        guard let cluster = try? connection.cluster(), let known = try? await cluster.knownPools() else {
            return Set(claimed)
        }
        return Set(known.filter { !cluster.breakers.isOpen(.pool($0)) } + claimed)
    }

    private func look(at pool: String) async {
        guard let session = try? session(), await isReady(session.cluster.pool(pool)) else { return }
        do {
            try await look(at: pool, session)
        } catch {
            // The next look follows soon.
            logger.debug(
                "claims can't be read",
                metadata: [LogKeys.pool: "\(pool)", LogKeys.error: "\(String(reflecting: error))"]
            )
        }
    }

    /// Finds the sessions that are gone, and cleans up after them.
    private func look(at pool: String, _ session: ClaimSession) async throws {
        let records = records(pool, session)
        // The claims are read first. A session's record is written with its first claim, and removed when its client is
        // shut out. So a claim whose session has no record after that has no holder.
        let values = try await records.values(prefix: ClaimSubject.prefix)
        let asked = ContinuousClock.now
        let signs = try await records.values(prefix: ClaimSession.prefix)
        let answered = ContinuousClock.now
        // The former connections of this process are watched like those of others: a connection that hangs completely
        // gives no signs of life either.
        let former = allSessions.filter { $0.id != session.id }
        let lost = Set(former.filter(\.isLost).map(\.id))
        var claims: [String: [String: (record: ClaimRecord, value: [UInt8])]] = [:]
        for (_, value) in values {
            guard let record = ClaimRecord(value), record.session != session.id else { continue }
            claims[record.session, default: [:]][record.token] = (record, value)
        }
        var present: Set<String> = []
        for (key, sign) in signs {
            let id = String(key.dropFirst(ClaimSession.prefix.count))
            present.insert(id)
            guard id != session.id else { continue }
            let sighted = Sightings.Session(pool: pool, id: id)
            let lease = longestLease(sign)
            let isDead = sightings.withLock { $0.see(sighted, sign, lease: lease, asked: asked, answered: answered) }
            let hasClaims = claims[id] != nil
            if hasClaims, isDead || lost.contains(id) {
                try await endSession(id, sign, in: pool, session)
                former.first { $0.id == id }?.giveUp()
                present.remove(id)
            } else if !hasClaims, isDead,
                sightings.withLock({ $0.isIdle(sighted, for: lease * Self.leasesUntilForgotten) })
            {
                var change = Records.Change()
                change.require(key, equals: sign)
                change.remove(key)
                _ = try await records.apply(change)
            }
        }
        sightings.withLock { $0.keep(present, of: pool) }
        for (id, left) in claims where !present.contains(id) {
            for claim in left.values { await takeOver(claim.record, claim.value, in: pool, session) }
        }
    }

    /// The addresses of the replicas, including this one, that recently had claims in a pool and that no replica has
    /// taken for dead.
    func replicas(in pool: String, _ cluster: Cluster) async throws -> Set<String> {
        let signs = try await records(pool, session(of: cluster)).values(prefix: ClaimSession.prefix)
        return Set(signs.compactMap { ClaimSession.Sign($0.value)?.address }).union([cluster.address])
    }

    /// Releases all claims, as far as possible, so that no replica has to wait for the lease to run out.
    private func end() async {
        let limit = ContinuousClock.now + Self.shutdownPatience
        while .now < limit, allSessions.contains(where: { !$0.pools.isEmpty && !$0.isLost }) {
            try? await Task.sleep(for: .milliseconds(50))
        }
        for session in allSessions where !session.isLost {
            for pool in session.everyPool where session.claims(in: pool) == 0 {
                var change = Records.Change()
                change.remove(ClaimSession.key(session.id))
                _ = try? await Deadline.$current.withValue(.now + .seconds(2)) {
                    try await records(pool, session).apply(change)
                }
            }
        }
    }
}

/// The keys in progress, so that nothing is begun twice.
private final class BusySet: Sendable {
    private let keys = Mutex<Set<String>>([])

    /// - Returns: whether the key was not in progress yet.
    func begin(_ key: String) -> Bool { keys.withLock { $0.insert(key).inserted } }

    func end(_ key: String) { keys.withLock { _ = $0.remove(key) } }
}
