// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Synchronization

/// What this process claims through one connection to the cluster. A connection that is replaced has its claims until
/// the last call that it was used for has ended.
///
/// A session has a record in each pool in which it has claims, which says where its client is and changes all the time.
/// Whoever has seen it unchanged for as long as the lease shuts the client out of the cluster and then removes the
/// record. So a claim whose session has no record is nobody's: what its holder still sends is refused by the OSDs.
final class ClaimSession: Sendable {
    let cluster: Cluster
    let id = String(UInt64.random(in: .min ... .max), radix: 36)
    let address: String
    /// Those of this process wait for each other here, in the order of asking, and not by asking the cluster again and
    /// again.
    let locks = KeyedLocks()

    private struct Activity {
        /// How many claims there are, or may be.
        var claims = 0
        /// When the last sign of life was sent that has arrived.
        var confirmed: ContinuousClock.Instant?
    }

    private let activities = Mutex<[String: Activity]>([:])
    private let beats = Atomic(0)
    private let lost = Flag()
    /// Clients that this connection knows to be shut out.
    private let exiles = Mutex<Set<String>>([])
    private let lease: Duration

    init(_ cluster: Cluster, lease: Duration) {
        (self.cluster, self.lease) = (cluster, lease)
        address = cluster.address
    }

    static let prefix = "session."

    static func key(_ id: String) -> String { "\(prefix)\(id)" }

    /// A session's record, as others read it.
    struct Sign {
        /// After so long without another one the session may be taken for dead. Replicas may have been told
        /// differently.
        var lease: Duration
        /// Where its client is.
        var address: String

        /// Nil where it can't be read; a newer release may have written it.
        init?(_ value: [UInt8]) {
            let parts = String(decoding: value, as: UTF8.self).split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let milliseconds = Int(parts[1]) else { return nil }
            (lease, address) = (.milliseconds(milliseconds), String(parts[2]))
        }
    }

    /// Whether the cluster refuses the connection, or it is given up: others may have taken over its claims.
    var isLost: Bool { lost.isRaised || cluster.isShutOut }

    func giveUp() { lost.raise() }

    /// How long a replica that was shut out stays so: much longer than any process is stopped and goes on.
    private static let exile = Duration.seconds(24 * 3600)

    /// Shuts a client out of the cluster. It is done by each who takes over from it: only so the own connection knows
    /// of it, and with it every OSD that is asked through it.
    func shutOut(_ address: String) async throws {
        guard !exiles.withLock({ $0.contains(address) }) else { return }
        try await cluster.shutOut(clientAt: address, for: Self.exile)
        exiles.withLock { _ = $0.insert(address) }
    }

    /// The pools in which there are claims, or may be.
    var pools: [String] { activities.withLock { $0.filter { $0.value.claims > 0 }.map(\.key) } }

    /// Those in which there ever were any.
    var everyPool: [String] { activities.withLock { Array($0.keys) } }

    func claims(in pool: String) -> Int { activities.withLock { $0[pool]?.claims ?? 0 } }

    /// Until when nobody takes the session for dead, as far as is known here.
    func confirmed(in pool: String) -> ContinuousClock.Instant? { activities.withLock { $0[pool]?.confirmed } }

    /// Adds a sign of life to a change.
    func sign(_ change: inout Records.Change) {
        let beat = beats.add(1, ordering: .relaxed).newValue
        let milliseconds = lease.components.seconds * 1000 + lease.components.attoseconds / 1_000_000_000_000_000
        change.set(Self.key(id), to: Array("\(beat) \(milliseconds) \(address)".utf8))
    }

    func began(in pool: String) {
        activities.withLock { $0[pool, default: Activity()].claims += 1 }
    }

    /// A sign of life has arrived.
    func arrived(in pool: String, sent: ContinuousClock.Instant) {
        activities.withLock { activities in
            activities[pool, default: Activity()].confirmed = max(activities[pool]?.confirmed ?? sent, sent)
        }
    }

    func ended(in pool: String) {
        activities.withLock { $0[pool]?.claims -= 1 }
    }
}

/// A claim that is held, until the last of the calls that were made under it has ended: at its deadline a request is
/// answered, while the thread is still in librbd and changes the image.
final class HeldClaim: CallHold {
    let record: ClaimRecord
    /// As it is written.
    let bytes: [UInt8]
    let pool: String
    let session: ClaimSession
    private let claims: Claims
    private let outer: (any CallHold)?
    private let isUnsettled = Flag()
    private let isForgotten = Flag()

    init(_ record: ClaimRecord, _ bytes: [UInt8], pool: String, session: ClaimSession, claims: Claims) {
        (self.record, self.bytes, self.pool, self.session, self.claims) = (record, bytes, pool, session, claims)
        outer = Hold.current
        session.began(in: pool)
    }

    func callEnded(_ operation: CephError.Operation, _ error: CephError?) {
        if operation != .changeRecord, operation.isChange, let error, error.code.leavesDoubt { isUnsettled.raise() }
        outer?.callEnded(operation, error)
    }

    /// It was not made.
    func forget() { isForgotten.raise() }

    /// What it is about may be half-made: that is cleared up before it is let go.
    func unsettle() { isUnsettled.raise() }

    deinit {
        guard !isForgotten.isRaised else { return session.ended(in: pool) }
        let (record, bytes, pool, session, claims) = (record, bytes, pool, session, claims)
        let (outer, isUnsettled) = (outer, isUnsettled.isRaised)
        // Detached: it has all the time that it takes, whatever deadline the request had that held the claim.
        Task.detached {
            await claims.release(record, bytes, pool: pool, session, isUnsettled: isUnsettled)
            // Whoever waits here for the outer one finds this one free.
            withExtendedLifetime(outer) {}
        }
    }

    /// The session whose claims the current task holds: what it changes goes through that connection.
    @TaskLocal static var session: ClaimSession?
}

extension CephError.Code {
    /// Whether a change that failed so may have left something half-made, or may yet be done.
    var leavesDoubt: Bool {
        switch self {
        case .timedOut, .poolFull, .credentialsRefused, .imageChanged, .clusterUnreachable, .other: true
        default: false
        }
    }
}
