// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import ServiceLifecycle
import Synchronization

/// Gives signs of life where this process has claims, and looks for those of others.
extension Claims: Service {
    /// A session that has no claims any more leaves a record behind, which goes after so many leases.
    private static let leasesUntilForgotten = 20
    /// How long the end waits for claims to be let go. What is left then is cleared up by others.
    private static let farewell = Duration.seconds(10)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.keepAlive() }
                group.addTask { await self.watch() }
            }
        }
        // Also where this task was cancelled.
        await Task.detached { await self.end() }.value
        isOver.raise()
        // Connections close with the last who holds them.
        sessions.withLock { $0.removeAll() }
    }

    // MARK: Our own sign of life

    /// Nothing that this waits for depends on how busy the service is.
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
        // Each claim that was made is a sign, too.
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
            // Until the lease is over there is time for another one.
        }
    }

    // MARK: Those of others

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

    /// Does something four times in each lease. What is slow holds up nobody but itself.
    private func everyQuarter(_ body: (inout DiscardingTaskGroup, BusySet) async -> Void) async {
        let busy = BusySet()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                await body(&group, busy)
                try? await Task.sleep(for: lease / 4)
            }
        }
    }

    /// The pools that answer, and those in which there are claims.
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
            // It is looked at again in a moment.
            logger.debug(
                "claims can't be looked at",
                metadata: [LogKeys.pool: "\(pool)", LogKeys.error: "\(String(reflecting: error))"]
            )
        }
    }

    /// Looks which sessions are gone, and clears up after them.
    private func look(at pool: String, _ session: ClaimSession) async throws {
        let records = records(pool, session)
        // The claims first: a session's record is written with its first claim, and removed when its client is shut
        // out. A claim whose session has no record later is nobody's.
        let values = try await records.values(prefix: ClaimSubject.prefix)
        let asked = ContinuousClock.now
        let signs = try await records.values(prefix: ClaimSession.prefix)
        let answered = ContinuousClock.now
        // Our own former connections are watched like those of others: one that hangs as a whole gives no signs of life
        // either.
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
                try await bury(id, sign, in: pool, session)
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

    /// The addresses of the replicas, this one's among them, that have lately had claims in a pool and that nobody has
    /// taken for dead.
    func replicas(in pool: String, _ cluster: Cluster) async throws -> Set<String> {
        let signs = try await records(pool, session(of: cluster)).values(prefix: ClaimSession.prefix)
        return Set(signs.compactMap { ClaimSession.Sign($0.value)?.address }).union([cluster.address])
    }

    /// Lets go of what there is, as far as it goes, so that nobody has to wait for the lease to run out.
    private func end() async {
        let limit = ContinuousClock.now + Self.farewell
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

/// What is on its way, so that nothing is begun twice.
private final class BusySet: Sendable {
    private let keys = Mutex<Set<String>>([])

    /// - Returns: whether it was not on its way yet.
    func begin(_ key: String) -> Bool { keys.withLock { $0.insert(key).inserted } }

    func end(_ key: String) { keys.withLock { _ = $0.remove(key) } }
}
