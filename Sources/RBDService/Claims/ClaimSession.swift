// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Synchronization

/// The claims that this process makes through one connection to the cluster. A connection that is replaced keeps its
/// claims until the last call on it has ended.
///
/// A session has a record in each pool in which it has claims. The record has the address of the session's client, and
/// changes all the time. A replica that has seen the record unchanged for as long as the lease shuts the client out of
/// the cluster, and then removes the record. So a claim whose session has no record has no holder: the OSDs refuse
/// whatever the client still sends.
final class ClaimSession: Sendable {
    let cluster: Cluster
    let id = String(UInt64.random(in: .min ... .max), radix: 36)
    let address: String
    /// Changes of this process wait for each other here, in the order of their requests, without polling the cluster.
    let locks = KeyedLocks()

    private struct Activity {
        /// The number of claims that exist, or may exist.
        var claims = 0
        /// When the last sign of life was sent that has arrived.
        var confirmed: ContinuousClock.Instant?
    }

    private let activities = Mutex<[String: Activity]>([:])
    private let beats = Atomic(0)
    private let lost = Flag()
    /// The clients that this connection knows to be shut out.
    private let blocklisted = Mutex<Set<String>>([])
    private let lease: Duration

    init(_ cluster: Cluster, lease: Duration) {
        (self.cluster, self.lease) = (cluster, lease)
        address = cluster.address
    }

    static let prefix = "session."

    static func key(_ id: String) -> String { "\(prefix)\(id)" }

    /// A session's record, as others read it.
    struct Sign {
        /// The session counts as dead after this long without another sign. Replicas may have different settings.
        var lease: Duration
        /// The address of the session's client.
        var address: String

        /// Nil if the value can't be read, because a newer release may have written it.
        init?(_ value: [UInt8]) {
            let parts = String(decoding: value, as: UTF8.self).split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let milliseconds = Int(parts[1]) else { return nil }
            (lease, address) = (.milliseconds(milliseconds), String(parts[2]))
        }
    }

    /// Whether the cluster refuses the connection, or another replica may have taken over its claims.
    var isLost: Bool { lost.isRaised || cluster.isShutOut }

    func giveUp() { lost.raise() }

    /// How long a replica stays shut out: much longer than any process can be stopped and then continue.
    private static let blocklistDuration = Duration.seconds(24 * 3600)

    /// Shuts a client out of the cluster. Every session that takes over from the client does this, so that its own
    /// connection learns about it, and with it every OSD that the connection talks to.
    func shutOut(_ address: String) async throws {
        guard !blocklisted.withLock({ $0.contains(address) }) else { return }
        try await cluster.shutOut(clientAt: address, for: Self.blocklistDuration)
        blocklisted.withLock { _ = $0.insert(address) }
    }

    /// The pools in which the session has claims, or may have them.
    var pools: [String] { activities.withLock { $0.filter { $0.value.claims > 0 }.map(\.key) } }

    /// The pools in which the session has ever had claims.
    var everyPool: [String] { activities.withLock { Array($0.keys) } }

    func claims(in pool: String) -> Int { activities.withLock { $0[pool]?.claims ?? 0 } }

    /// When the last sign of life was sent that has arrived in a pool. For one lease from then on, no replica takes the
    /// session for dead.
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

    /// Notes that a sign of life has arrived.
    func arrived(in pool: String, sent: ContinuousClock.Instant) {
        activities.withLock { activities in
            activities[pool, default: Activity()].confirmed = max(activities[pool]?.confirmed ?? sent, sent)
        }
    }

    func ended(in pool: String) {
        activities.withLock { $0[pool]?.claims -= 1 }
    }
}

/// A claim that is held until the last call under it has ended. A request is answered at its deadline, while its thread
/// may still be in librbd and change the image.
final class HeldClaim: CallHold {
    let record: ClaimRecord
    /// The record as it is written.
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

    /// Notes that the claim was not made.
    func forget() { isForgotten.raise() }

    /// Notes that a change may be incomplete. It is cleaned up before the claim is released.
    func unsettle() { isUnsettled.raise() }

    deinit {
        guard !isForgotten.isRaised else { return session.ended(in: pool) }
        let (record, bytes, pool, session, claims) = (record, bytes, pool, session, claims)
        let (outer, isUnsettled) = (outer, isUnsettled.isRaised)
        // Detached: the release has unlimited time, whatever the deadline of the request was.
        Task.detached {
            await claims.release(record, bytes, pool: pool, session, isUnsettled: isUnsettled)
            // A change that waits in this process for the outer claim finds this one released.
            withExtendedLifetime(outer) {}
        }
    }

    /// The session whose claims the current task holds. The task's changes go through the connection of that session.
    @TaskLocal static var session: ClaimSession?
}

extension CephError.Code {
    /// Whether a change that failed with this code may have left something incomplete, or may still be carried out.
    var leavesDoubt: Bool {
        switch self {
        case .timedOut, .poolFull, .credentialsRefused, .imageChanged, .clusterUnreachable, .other: true
        default: false
        }
    }
}
