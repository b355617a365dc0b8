// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// One operation in the hands of this process, from the claim on it to its release.
struct OperationRun: Sendable {
    let id: String
    let pool: Ceph.Pool
    let store: OperationStore
    let work: OperationWork
    let claims: Claims
    let session: ClaimSession
    let call: LongCall
    /// Whether this process is to end.
    let isEnding: @Sendable () -> Bool

    /// How often it is looked whether the operation is to be cancelled.
    private static let pulse = Duration.milliseconds(400)

    private struct State {
        var record: OperationRecord
        var isCancelled = false
        var isLost = false
        var hasChanged = false
        var isRepeated: Bool
    }

    /// How it ended, as far as this process is concerned.
    enum End: Sendable {
        case finished(OperationRecord)
        /// Another process has it, or is to have it.
        case left
    }

    private var records: Records { Records(of: pool) }

    /// - Throws: `CephError`, where the record can't be read or written.
    func run() async throws -> End {
        guard let record = try await records.operation(id), !record.operation.state.isFinished,
            record.kind != nil
        else { return .left }
        do {
            // The operation first, and with it what it works on.
            let own = Claims.batches([.operation(id)] + record.subjects(in: pool.name)).map { (pool.name, $0) }
            let others = record.subjectsElsewhere.flatMap { other in
                Claims.batches(other.subjects).map { (other.pool, $0) }
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
            // Another one is at work on it, or on the image: it is tried again at the next look.
            return .left
        }
    }

    private func run(under claim: HeldClaim) async throws -> End {
        // Somebody may have brought it to its end before it was claimed.
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
        // A client that hangs as a whole never comes back to say so. Once it is shut out, others begin the work again,
        // this process among them, and nobody waits for it.
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
        // The heart has stopped before the end is written: it would write over it.
        let outcome = await withTaskGroup(of: Void.self) { group in
            // What was cancelled before it began is not begun.
            await look(state)
            group.addTask { await beat(state, claim) }
            let outcome = await perform(kind, state, claim)
            let conclusion = await conclude(outcome, kind, state, claim)
            group.cancelAll()
            return conclusion
        }
        return try await finish(state.read, outcome, claim)
    }

    /// Looks whether the client was shut out.
    private func watch(_ state: Shared, _ end: FirstResult<End>) async {
        while !Task.isCancelled {
            if session.isLost {
                state.update { $0.isLost = true }
                call.stop()
                return end.settle(.success(.left))
            }
            try? await Task.sleep(for: Self.pulse)
        }
    }

    /// librbd goes on for as long as nobody takes this process for dead.
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
        // Cancelled before anybody had begun.
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

    private func job(_ state: Shared, _ claim: HeldClaim) -> OperationWork.Job {
        let now = state.read
        return OperationWork.Job(
            record: now.record,
            cluster: session.cluster,
            call: call,
            isRepeated: now.isRepeated
        ) { parameters in
            state.update { $0.record.parameters = parameters }
            guard try await OperationStore.update(state.read.record, claim, in: records) else {
                throw CephError(.stopped, .changeRecord, on: .pool(pool.name))
            }
        }
    }

    /// What is to be written in the end.
    private enum Conclusion: Sendable {
        case end(RBDAPI.Operation.State, Problem?)
        /// Others go on with it.
        case handOver
        /// Others have it.
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

    /// A stopped call stays stopped: what is left to be done gets one of its own.
    /// - Returns: why it could not be done.
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
        // Whoever is first takes it over.
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

    /// Tells how far the work is, and looks whether it is to end.
    private func beat(_ state: Shared, _ claim: HeldClaim) async {
        var told = -1.0
        while !Task.isCancelled {
            await look(state)
            if isEnding() { call.stop() }
            allowCall()
            let percent = call.percent
            let current = state.read
            if percent != told || current.hasChanged {
                // What it waited for is over.
                if percent != told, told >= 0 { state.update { $0.record.operation.note = nil } }
                // Work that is begun again goes faster where it has been: what is told does not go back.
                state.update { $0.record.operation.percent = max($0.record.operation.percent, percent) }
                var record = state.read.record
                record.operation.cancelRequested = current.isCancelled
                if (try? await OperationStore.update(record, claim, in: records)) == true {
                    told = percent
                    state.update { $0.hasChanged = false }
                }
            }
            try? await Task.sleep(for: Self.pulse)
        }
    }

    /// Looks whether it is to be cancelled.
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

/// Claims that are held together.
private final class HeldClaims: CallHold {
    private let claims: [HeldClaim]

    init(_ claims: [HeldClaim]) { self.claims = claims }

    func callEnded(_ operation: CephError.Operation, _ error: CephError?) {
        for claim in claims { claim.callEnded(operation, error) }
    }
}

extension LongCall {
    /// To a tenth of a percent: what changes less is not worth a write.
    var percent: Double { (fraction * 1000).rounded(.down) / 10 }
}
