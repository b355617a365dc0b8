// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Dispatch
import Glibc
import Logging
import RBDAPI
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The audit log: a line for each change and each refused request, written before the answer is sent.
///
/// A separate thread writes, because a write to a pipe that nobody reads blocks. Lines that can't be written are kept,
/// and are written first later. While lines are kept, changes are refused.
final class AuditLog: Service {
    struct Limits: Sendable {
        /// How long an answer waits for its line. After that the log counts as failed.
        var patience = Duration.seconds(2)
        /// The maximum number of lines of refused requests that are kept. Lines of changes are always kept.
        var kept = 1_000
        /// How long after a failure a request may trigger the next try.
        var pause = Duration.milliseconds(100)
    }

    struct Entry {
        var bytes: [UInt8]
        var waiter: CheckedContinuation<Void, Never>?
        /// How long its waiter waits.
        var deadline = ContinuousClock.now
        /// How many bytes of the line are written, and to the file of which generation.
        var written = (count: 0, generation: 0)
    }

    struct Check {
        var waiter: CheckedContinuation<Void, Never>
        let deadline: ContinuousClock.Instant
    }

    struct State {
        var entries: [Entry] = []
        var checks: [Check] = []
        /// Changes in flight. Space for the line of each is reserved.
        var inFlight = 0
        /// How many bytes are reserved; nil if the file can't reserve space.
        var room: Int? = 0
        var trouble: AuditTrouble? = AuditTrouble("it has not been opened yet")
        var lastTry: ContinuousClock.Instant?
        var writingSince: ContinuousClock.Instant?
        var isToOpen = true
        var isToReserve = false
        var isStuckTold = false
        var threadRuns = false
        /// The service has ended, and nothing releases waiting requests any more.
        var isOver = false
        var lost = 0
        /// The identities that started the operations that are running here, by operation id.
        var owners: [String: String] = [:]
    }

    let isOn: Bool
    private let isRequired: Bool
    private let isFile: Bool
    private let limits: Limits
    let logger: Logger
    let state = Mutex(State())
    /// Only the writing thread holds the lock.
    let sink: Mutex<AuditSink>
    let work = DispatchSemaphore(value: 0)
    let writtenLines: Counter
    private let lostLines: Counter

    /// - Throws: `ConfigurationError` if the log can't be written and the setting must be corrected.
    init(
        _ target: AuditTarget,
        isRequired: Bool,
        limits: Limits = Limits(),
        registry: PrometheusRegistry,
        logger: Logger
    ) throws(ConfigurationError) {
        isOn = target != .off
        if case .file = target { isFile = true } else { isFile = false }
        self.isRequired = isRequired
        self.limits = limits
        self.logger = logger
        writtenLines = registry.counter(.auditLines, "written")
        lostLines = registry.counter(.auditLines, "lost")
        var first = AuditSink(target)
        do {
            try first.open()
        } catch {
            if error.isPermanent {
                let setting = Settings.declared.auditLog.name
                throw ConfigurationError("\(setting): the audit log can't be written: \(error.reason)")
            }
        }
        let isOpen = first.isOpen
        sink = Mutex(first)
        guard isOn else { return }
        // Without this, a closed pipe would end the process. With it, the write fails.
        signal(SIGPIPE, SIG_IGN)
        state.withLock { state in
            state.isToOpen = !isOpen
            if isOpen { state.entries.append(Entry(bytes: Array(AuditLine.opened().utf8))) }
        }
    }

    // MARK: For requests

    /// Reserves space for the line of a change that is about to begin.
    /// - Parameter deadline: how long to wait at most; nil waits for the log's own limit.
    /// - Returns: whether space is reserved; false if the change needs no line.
    /// - Throws: `Problem` with `audit-unavailable`.
    func admit(by deadline: ContinuousClock.Instant? = nil) async throws(Problem) -> Bool {
        guard isOn else { return false }
        if take() { return true }
        // Other changes may already have taken the space that a check has found.
        for _ in 0..<50 {
            await check(by: deadline)
            if take() { return true }
            if state.withLock({ $0.trouble != nil || isStuck($0) }) || deadline.map({ .now >= $0 }) == true { break }
        }
        guard isRequired else { return false }
        let reason = state.withLock { state in
            state.trouble?.reason ?? "the reader does not take what was written before"
        }
        throw Problem(
            .auditUnavailable,
            detail: "the audit log can't be written, so the change is refused",
            hint: "the service's operator must repair the audit log: \(reason)"
        )
    }

    private func take() -> Bool {
        state.withLock { state in
            guard state.trouble == nil, !isStuck(state) else { return false }
            if let room = state.room {
                guard
                    room - state.entries.count * AuditLine.maximumBytes
                        >= (state.inFlight + 1) * AuditLine.maximumBytes
                else { return false }
            }
            state.inFlight += 1
            return true
        }
    }

    private func patience(by deadline: ContinuousClock.Instant?) -> ContinuousClock.Instant {
        let own = ContinuousClock.now + limits.patience
        return deadline.map { min($0, own) } ?? own
    }

    private func isStuck(_ state: State) -> Bool {
        state.writingSince.map { .now - $0 > limits.patience } ?? false
    }

    /// Makes the thread check whether it can write now, unless it has just done so.
    private func check(by deadline: ContinuousClock.Instant?) async {
        let deadline = patience(by: deadline)
        await withCheckedContinuation { waiter in
            let isWorthwhile = state.withLock { state in
                if isStuck(state) || state.isOver { return false }
                if state.trouble != nil, let last = state.lastTry, .now - last < limits.pause { return false }
                state.checks.append(Check(waiter: waiter, deadline: deadline))
                return true
            }
            if isWorthwhile { wake() } else { waiter.resume() }
        }
    }

    /// Writes a line. Returns when the line is written, or when writing has failed and the line is kept.
    /// - Parameters:
    ///   - isAdmitted: whether space is reserved for it.
    ///   - deadline: how long to wait at most; nil waits for the log's own limit.
    func record(_ line: AuditLine, isAdmitted: Bool, by deadline: ContinuousClock.Instant? = nil) async {
        guard isOn else { return }
        let deadline = patience(by: deadline)
        let bytes = Array(line.text().utf8)
        await withCheckedContinuation { waiter in
            let (isKept, waits) = state.withLock { state -> (Bool, Bool) in
                if isAdmitted { state.inFlight -= 1 }
                guard isAdmitted && isRequired || state.entries.count < limits.kept else {
                    state.lost += 1
                    return (false, false)
                }
                // Space for a change's own line is reserved, even if there is none for other lines.
                let waits = (isAdmitted || state.trouble == nil) && !isStuck(state) && !state.isOver
                state.entries.append(Entry(bytes: bytes, waiter: waits ? waiter : nil, deadline: deadline))
                return (true, waits)
            }
            if !waits { waiter.resume() }
            if isKept { wake() } else { lostLines.increment() }
        }
    }

    // MARK: Operations

    /// A request has started an operation.
    func begun(_ operation: RBDAPI.Operation, by identity: String?) {
        guard isOn, let identity else { return }
        state.withLock { state in
            if state.owners.count < 10_000, state.owners[operation.id] == nil { state.owners[operation.id] = identity }
        }
    }

    /// An operation that this process ran has ended: its changes are complete.
    func finished(_ operation: RBDAPI.Operation) {
        guard isOn else { return }
        let isKept = state.withLock { state in
            let owner = state.owners.removeValue(forKey: operation.id)
            guard state.entries.count < limits.kept else {
                state.lost += 1
                return false
            }
            state.entries.append(Entry(bytes: Array(AuditLine.finished(operation, by: owner).utf8)))
            return true
        }
        if isKept { wake() } else { lostLines.increment() }
    }

    // MARK: The service

    func run() async throws {
        guard isOn else { return try await gracefulShutdown() }
        await withDiscardingTaskGroup { group in
            if isFile {
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
                        self.reopen()
                    }
                }
            }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    var turn = 0
                    while !Task.isCancelled {
                        self.release()
                        if turn % 5 == 0 { self.look() }
                        turn += 1
                        try? await Task.sleep(for: .milliseconds(100))
                    }
                }
            }
        }
        // The other services have ended before this one, so no lines are added any more. If those services were
        // abandoned, requests may still be waiting.
        let waiters = state.withLock { state in
            state.isOver = true
            return Self.takeWaiters(&state) { _ in true }
        }
        for waiter in waiters { waiter.resume() }
        let end = ContinuousClock.now + limits.patience
        while pending > 0, .now < end {
            wake()
            await Task.detached { try? await Task.sleep(for: .milliseconds(20)) }.value
        }
        if pending > 0 {
            logger.error("lines of the audit log are lost", metadata: [LogKeys.count: .stringConvertible(pending)])
        }
    }

    /// The file was renamed or removed.
    func reopen() {
        state.withLock { $0.isToOpen = true }
        wake()
    }

    /// The number of lines that wait to be written.
    var pending: Int { state.withLock { $0.entries.count } }

    /// Releases requests that have waited too long.
    private func release() {
        let now = ContinuousClock.now
        for waiter in state.withLock({ Self.takeWaiters(&$0) { $0 < now } }) { waiter.resume() }
    }

    /// Retries failed steps.
    private func look() {
        let (isToTry, isNewlyStuck) = state.withLock { state in
            let isStuck = isStuck(state)
            defer { state.isStuckTold = isStuck }
            return (!state.entries.isEmpty || state.trouble != nil, isStuck && !state.isStuckTold)
        }
        if isNewlyStuck { logger.error("the audit log blocks: its reader does not take what is written") }
        if isToTry { wake() }
    }
}
