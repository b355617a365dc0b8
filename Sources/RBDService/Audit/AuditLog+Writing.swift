// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import CoreMetrics
import Dispatch
import Logging
import Synchronization

/// The writing thread.
extension AuditLog {
    func wake() {
        let isToStart = state.withLock { state in
            defer { state.threadRuns = true }
            return !state.threadRuns
        }
        if isToStart, !NativeThread.start(named: "audit-log", { self.write() }) {
            // No thread could be started. The timer releases the waiting requests, and the next line tries again.
            state.withLock { $0.threadRuns = false }
        }
        work.signal()
    }

    /// The thread's main loop. It ends when there has been nothing to do for a while.
    private func write() {
        while true {
            let isWoken = work.wait(timeout: .now() + .seconds(10)) == .success
            while step() {}
            let isOver = state.withLock { state in
                guard !isWoken, state.entries.isEmpty || state.trouble != nil, state.checks.isEmpty else {
                    return false
                }
                state.threadRuns = false
                return true
            }
            if isOver { return }
        }
    }

    private enum Step {
        case open
        case write(Entry)
        case reserve(Int)
    }

    /// - Returns: whether there may be more to do.
    private func step() -> Bool {
        let step = state.withLock { state -> Step? in
            // Each step may hang: files may be on network storage.
            state.writingSince = .now
            if state.isToOpen { return .open }
            if let entry = state.entries.first { return .write(entry) }
            guard state.isToReserve || !state.checks.isEmpty || state.trouble != nil else {
                state.writingSince = nil
                return nil
            }
            state.isToReserve = false
            // More changes may begin while the space is being reserved.
            let lines = 2 * (state.inFlight + state.checks.count) + 64
            return .reserve(lines * AuditLine.maximumBytes)
        }
        switch step {
        case nil: return false
        case .open:
            defer { state.withLock { $0.writingSince = nil } }
            return open()
        case .write(let entry): return write(entry)
        case .reserve(let bytes):
            defer { state.withLock { $0.writingSince = nil } }
            do throws(AuditTrouble) {
                let room = try sink.withLock { sink throws(AuditTrouble) in try sink.reserve(bytes) }
                succeeded { $0.room = room }
            } catch {
                failed(error)
            }
            return false
        }
    }

    private func open() -> Bool {
        let (trouble, isOpen) = sink.withLock { sink -> (AuditTrouble?, Bool) in
            do throws(AuditTrouble) {
                try sink.open()
                return (nil, true)
            } catch {
                // A renamed file is better than none. A removed file counts as none.
                return (error, sink.isOpen && !sink.isRemoved)
            }
        }
        if let trouble {
            logger.error("the audit log could not be reopened", metadata: [LogKeys.error: "\(trouble.reason)"])
            if !isOpen {
                failed(trouble)
                return false
            }
        }
        state.withLock { state in
            state.isToOpen = false
            // Space for the changes in flight was reserved in the previous file.
            guard trouble == nil else { return }
            (state.room, state.isToReserve) = (0, true)
            state.entries.insert(Entry(bytes: Array(AuditLine.opened().utf8)), at: 0)
        }
        return true
    }

    private func write(_ entry: Entry) -> Bool {
        let (written, trouble, isRemoved) = sink.withLock { sink in
            // The part that was written to another file does not count for this one.
            let begin = entry.written.generation == sink.generation ? entry.written.count : 0
            if sink.isRemoved { return (entry.written, AuditTrouble?.none, true) }
            let (count, trouble) = sink.write(entry.bytes[begin...])
            return ((count: begin + count, generation: sink.generation), trouble, false)
        }
        if isRemoved {
            state.withLock { state in
                state.writingSince = nil
                state.isToOpen = true
            }
            return true
        }
        if let trouble {
            state.withLock { $0.entries[0].written = written }
            failed(trouble)
            return false
        }
        writtenLines.increment()
        let waiter = state.withLock { state in
            state.writingSince = nil
            if let room = state.room { state.room = room - entry.bytes.count }
            return state.entries.removeFirst().waiter
        }
        waiter?.resume()
        return true
    }

    private func failed(_ trouble: AuditTrouble) {
        let (isNew, waiters) = state.withLock { state in
            let isNew = state.trouble != trouble
            state.trouble = trouble
            (state.lastTry, state.writingSince) = (.now, nil)
            return (isNew, Self.takeWaiters(&state) { _ in true })
        }
        if isNew {
            logger.error("the audit log can't be written", metadata: [LogKeys.error: "\(trouble.reason)"])
        }
        for waiter in waiters { waiter.resume() }
    }

    private func succeeded(_ change: (inout State) -> Void) {
        let (trouble, lost, waiters) = state.withLock { state in
            defer { (state.trouble, state.lastTry, state.lost, state.checks) = (nil, nil, 0, []) }
            change(&state)
            if state.lost > 0 { state.entries.append(Entry(bytes: Array(AuditLine.lost(state.lost).utf8))) }
            // Requests that wait for their line go on waiting: their lines come after the last one written.
            return (state.lastTry == nil ? nil : state.trouble, state.lost, state.checks.map(\.waiter))
        }
        if trouble != nil {
            logger.notice("the audit log can be written", metadata: [LogKeys.count: .stringConvertible(lost)])
        }
        for waiter in waiters { waiter.resume() }
    }

    static func takeWaiters(
        _ state: inout State,
        where isOver: (ContinuousClock.Instant) -> Bool
    ) -> [CheckedContinuation<Void, Never>] {
        var waiters: [CheckedContinuation<Void, Never>] = []
        for index in state.entries.indices where isOver(state.entries[index].deadline) {
            if let waiter = state.entries[index].waiter.take() { waiters.append(waiter) }
        }
        waiters += state.checks.filter { isOver($0.deadline) }.map(\.waiter)
        state.checks.removeAll { isOver($0.deadline) }
        return waiters
    }
}
