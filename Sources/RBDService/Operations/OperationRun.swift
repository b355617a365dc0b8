// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// One run of an operation in this process, from its claim to its release.
struct OperationRun: Sendable {
    let id: String
    let pool: Ceph.Pool
    let store: OperationStore
    let work: OperationWork
    let claims: Claims
    let session: ClaimSession
    let call: LongCall
    /// Whether this process is shutting down.
    let isEnding: @Sendable () -> Bool

    /// The interval at which the run saves its progress, and checks whether it was cancelled or has lost its session.
    private static let interval = Duration.milliseconds(400)

    private struct State {
        var record: OperationRecord
        var isCancelled = false
        var isLost = false
        var hasChanged = false
        var isRepeated: Bool
    }

    /// How the run ended.
    enum End: Sendable {
        case finished(OperationRecord)
        /// Another process has the operation, or will take it over.
        case left
    }

    private var records: Records { Records(of: pool) }

    /// - Throws: `CephError` if the record can't be read or written.
    func run() async throws -> End {
        guard let record = try await records.operation(id), !record.operation.state.isFinished,
            record.kind != nil
        else { return .left }
        do {
            // The operation is claimed first, together with what it changes.
            var subjects = record.subjects
            let here = subjects.removeValue(forKey: pool.name) ?? []
            let own = Claims.batches([.operation(id)] + here).map { (pool.name, $0) }
            let others = subjects.sorted { $0.key < $1.key }.flatMap { pool, subjects in
                Claims.batches(subjects).map { (pool, $0) }
            }
            var all: [HeldClaim] = []
            for (pool, subjects) in own + others {
                all.append(try await claims.take(subjects, for: .operation, in: pool, session, operation: id))
            }
            let claim = all[0]
            return try await HeldClaim.$session.withValue(session) {
                try await Hold.$current.withValue(HeldClaims(all)) { try await run(under: claim) }
            }
        } catch is Claims.Conflict {
            // Another process works on the operation, or on the image. The next scan tries again.
            return .left
        }
    }

    private func run(under claim: HeldClaim) async throws -> End {
        // Another process may have finished the operation before it was claimed.
        guard var record = try await records.operation(id), !record.operation.state.isFinished,
            let kind = record.kind
        else { return .left }
        allowCall()
        record.operation.state = .running
        record.operation.attempts += 1
        record.operation.startedAt = record.operation.startedAt ?? Timestamp.now
        record.operation.note = nil
        guard try await OperationStore.update(record, claim, in: records) else { return .left }
        let state = Shared(State(record: record, isRepeated: record.operation.attempts > 1))
        // A Ceph client that hangs completely never returns. When it is shut out, another process or this one begins
        // the work again, and nothing waits for the hanging call.
        let end = FirstResult<End>()
        let working = Task {
            do {
                end.settle(.success(try await bringToEnd(kind, state, claim)))
            } catch {
                end.settle(.failure(error))
            }
        }
        let watching = Task { await watch(state, end) }
        defer { watching.cancel() }
        return try await withTaskCancellationHandler {
            try await end.value
        } onCancel: {
            working.cancel()
        }
    }

    private func bringToEnd(_ kind: OperationKind, _ state: Shared, _ claim: HeldClaim) async throws -> End {
        // The heartbeat must stop before the end is written. Otherwise it would overwrite it.
        let outcome = await withTaskGroup(of: Void.self) { group in
            // An operation that was cancelled before it began is not begun.
            await look(state)
            group.addTask { await beat(state, claim) }
            let outcome = await perform(kind, state, claim)
            let conclusion = await conclude(outcome, kind, state, claim)
            group.cancelAll()
            return conclusion
        }
        return try await finish(state.read, outcome, claim)
    }

    /// Watches whether the client was shut out.
    private func watch(_ state: Shared, _ end: FirstResult<End>) async {
        while !Task.isCancelled {
            if session.isLost {
                state.update { $0.isLost = true }
                call.stop()
                return end.settle(.success(.left))
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Lets librbd continue for as long as no other replica can take this process for dead.
    private func allowCall() {
        if let confirmed = session.confirmed(in: pool.name) { call.allow(until: confirmed + claims.lease) }
    }

    // MARK: The work

    private enum Outcome {
        case succeeded
        case failed(Problem)
        case stopped
    }

    private func perform(_ kind: OperationKind, _ state: Shared, _ claim: HeldClaim) async -> Outcome {
        // The operation was cancelled before any work was done.
        if state.read.isCancelled { return .stopped }
        if let deadEnd = state.read.record.deadEnd { return .failed(deadEnd) }
        var patience = BusyPatience()
        var pause = Duration.milliseconds(500)
        while true {
            do {
                try await work.perform(kind, job(state, claim))
                return .succeeded
            } catch let error as CephError where error.code == .stopped {
                return .stopped
            } catch let error as CephError {
                var isFailure = !error.code.isRetriable
                if error.code == .imageBusy {
                    isFailure = await patience.isExhausted { await work.isHeldByReplicas(job(state, claim)) }
                } else {
                    patience.renew()
                }
                guard !isFailure else { return .failed(await work.problem(error, kind, job(state, claim))) }
                state.update { state in
                    state.record.operation.note = error.description
                    state.hasChanged = true
                    state.isRepeated = true
                }
            } catch let problem as Problem {
                return .failed(problem)
            } catch {
                return .stopped
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(5))
            let now = state.read
            if now.isCancelled || now.isLost || isEnding() || Task.isCancelled { return .stopped }
        }
    }

    private func job(_ state: Shared, _ claim: HeldClaim) -> OperationJob {
        let now = state.read
        return OperationJob(
            record: now.record,
            cluster: session.cluster,
            call: call,
            work: work,
            isRepeated: now.isRepeated
        ) { parameters in
            state.update { $0.record.parameters = parameters }
            guard try await OperationStore.update(state.read.record, claim, in: records) else {
                throw CephError(.stopped, .changeRecord, on: .pool(pool.name))
            }
        }
    }

    /// What is written when the run ends.
    private enum Conclusion: Sendable {
        case end(RBDAPI.Operation.State, Problem?)
        /// Nothing: another process continues the operation.
        case handOver
        /// Nothing: another process has the operation.
        case lost
    }

    private func conclude(
        _ outcome: Outcome,
        _ kind: OperationKind,
        _ state: Shared,
        _ claim: HeldClaim
    ) async -> Conclusion {
        if state.read.isLost { return .lost }
        switch outcome {
        case .succeeded: return .end(.succeeded, nil)
        case .failed(let problem):
            _ = await cleanUp(kind, state, claim)
            return .end(.failed, problem)
        case .stopped:
            guard state.read.isCancelled else { return .handOver }
            return .end(.cancelled, await cleanUp(kind, state, claim))
        }
    }

    /// Cleans up. A stopped call stays stopped, so the cleanup gets a new one.
    /// - Returns: why the cleanup failed; nil if it succeeded.
    private func cleanUp(_ kind: OperationKind, _ state: Shared, _ claim: HeldClaim) async -> Problem? {
        var job = job(state, claim)
        job.call = LongCall()
        do {
            try await work.cleanUp(kind, job)
            return nil
        } catch {
            return (error as? Problem) ?? (error as? CephError).map { Problem($0) }
        }
    }

    private func finish(_ last: State, _ conclusion: Conclusion, _ claim: HeldClaim) async throws -> End {
        switch conclusion {
        // The first process to claim the operation takes it over.
        case .lost, .handOver: return .left
        case .end(let operationState, let problem):
            var record = last.record
            record.operation.percent = max(record.operation.percent, call.percent)
            record.operation.cancelRequested = last.isCancelled
            let finished = try await store.finish(record, operationState, problem, claim, in: records)
            return finished.map(End.finished) ?? .left
        }
    }

    // MARK: The heartbeat

    /// Saves the progress, and checks whether the run must end.
    private func beat(_ state: Shared, _ claim: HeldClaim) async {
        var saved = -1.0
        while !Task.isCancelled {
            await look(state)
            if isEnding() { call.stop() }
            allowCall()
            let percent = call.percent
            let current = state.read
            if percent != saved || current.hasChanged {
                // There is progress, so what the note says is over.
                if percent != saved, saved >= 0 { state.update { $0.record.operation.note = nil } }
                // Repeated work quickly passes what was done before. The reported progress never goes back.
                state.update { $0.record.operation.percent = max($0.record.operation.percent, percent) }
                var record = state.read.record
                record.operation.cancelRequested = current.isCancelled
                if (try? await OperationStore.update(record, claim, in: records)) == true {
                    saved = percent
                    state.update { $0.hasChanged = false }
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Checks whether the operation was cancelled.
    private func look(_ state: Shared) async {
        guard state.read.record.kind?.isCancellable != false, let mark = try? await records.value("cancel.\(id)"),
            !mark.isEmpty
        else { return }
        state.update { $0.isCancelled = true }
        call.stop()
    }

    private final class Shared: Sendable {
        private let state: Mutex<State>

        init(_ state: State) { self.state = Mutex(state) }

        var read: State { state.withLock { $0 } }

        func update(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
    }
}

/// Several claims that are held together.
private final class HeldClaims: CallHold {
    private let claims: [HeldClaim]

    init(_ claims: [HeldClaim]) { self.claims = claims }

    func callEnded(_ operation: CephError.Operation, _ error: CephError?) {
        for claim in claims { claim.callEnded(operation, error) }
    }
}

extension LongCall {
    /// The progress in tenths of a percent. Smaller changes are not worth a write.
    var percent: Double { (fraction * 1000).rounded(.down) / 10 }
}
