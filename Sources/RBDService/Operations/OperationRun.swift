// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// One operation in the hands of this process, from taking the lease to giving it back.
struct OperationRun: Sendable {
    let id: String
    let records: Records
    let store: OperationStore
    let work: OperationWork
    let lease: Records.Lease
    /// For how long the lease is taken each time.
    let duration: Duration
    let call: LongCall
    /// Whether this process is to end.
    let isEnding: @Sendable () -> Bool

    /// How long an image may be busy before that is a failure: a client that died counts as alive for half a minute.
    private static let busyPatience = Duration.seconds(60)
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
        /// Another process has the lease, or is to have it.
        case left
    }

    /// - Throws: `CephError`, where the record can't be read or written.
    func run() async throws -> End {
        guard try await records.take(lease, for: duration) else { return .left }
        call.allow(until: .now + duration)
        guard var record = try await OperationStore.record(id, in: records), !record.operation.state.isFinished,
            let kind = record.kind
        else {
            try await records.release(lease)
            return .left
        }
        record.operation.state = .running
        record.operation.attempts += 1
        record.operation.startedAt = record.operation.startedAt ?? Timestamp.now
        record.operation.note = nil
        guard try await OperationStore.update(record, lease, in: records) else { return .left }
        let state = Shared(State(record: record, isRepeated: record.operation.attempts > 1))
        // The heart has stopped before the end is written: it would write over it.
        let outcome = await withTaskGroup(of: Void.self) { group in
            // What was cancelled before it began is not begun.
            await look(state)
            group.addTask { await beat(state) }
            let outcome = await perform(kind, state)
            let conclusion = await conclude(outcome, kind, state)
            group.cancelAll()
            return conclusion
        }
        return try await finish(state.read, outcome)
    }

    // MARK: The work

    private enum Outcome {
        case succeeded
        case failed(Problem)
        case stopped
    }

    private func perform(_ kind: OperationKind, _ state: Shared) async -> Outcome {
        // Cancelled before anybody had begun.
        if state.read.isCancelled { return .stopped }
        let start = ContinuousClock.now
        var pause = Duration.milliseconds(500)
        while true {
            do {
                try await work.perform(kind, job(state))
                return .succeeded
            } catch let error as CephError where error.code == .stopped {
                return .stopped
            } catch let error as CephError {
                let isBusy = error.code == .imageBusy
                guard error.code.isRetriable, !isBusy || .now - start < Self.busyPatience else {
                    return .failed(await work.problem(error, kind, job(state)))
                }
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

    private func job(_ state: Shared) -> OperationWork.Job {
        let now = state.read
        return OperationWork.Job(
            record: now.record,
            cluster: records.pool.cluster,
            call: call,
            isRepeated: now.isRepeated
        ) { parameters in
            state.update { $0.record.parameters = parameters }
            guard try await OperationStore.update(state.read.record, lease, in: records) else {
                throw CephError(.stopped, .changeRecord, on: .pool(records.pool.name))
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

    private func conclude(_ outcome: Outcome, _ kind: OperationKind, _ state: Shared) async -> Conclusion {
        if state.read.isLost { return .lost }
        switch outcome {
        case .succeeded: return .end(.succeeded, nil)
        case .failed(let problem):
            _ = await cleanUp(kind, state)
            return .end(.failed, problem)
        case .stopped:
            guard state.read.isCancelled else { return .handOver }
            return .end(.cancelled, await cleanUp(kind, state))
        }
    }

    /// A stopped call stays stopped: what is left to be done gets one of its own.
    /// - Returns: why it could not be done.
    private func cleanUp(_ kind: OperationKind, _ state: Shared) async -> Problem? {
        var job = job(state)
        job.call = LongCall()
        do {
            try await work.cleanUp(kind, job)
            return nil
        } catch {
            return (error as? Problem) ?? (error as? CephError).map { Problem($0) }
        }
    }

    private func finish(_ last: State, _ conclusion: Conclusion) async throws -> End {
        switch conclusion {
        case .lost: return .left
        case .handOver:
            // Whoever is first takes it over.
            try? await records.release(lease)
            return .left
        case .end(let operationState, let problem):
            var record = last.record
            record.operation.percent = max(record.operation.percent, call.percent)
            record.operation.cancelRequested = last.isCancelled
            let finished = try await store.finish(record, operationState, problem, lease, in: records)
            try? await records.release(lease)
            return finished.map(End.finished) ?? .left
        }
    }

    // MARK: The heartbeat

    /// Keeps the lease, tells how far the work is, and looks whether it is to end.
    private func beat(_ state: Shared) async {
        var renewed = ContinuousClock.now
        var told = -1.0
        while !Task.isCancelled {
            await look(state)
            if isEnding() { call.stop() }
            let start = ContinuousClock.now
            if start - renewed >= duration / 3, let isOurs = try? await records.take(lease, for: duration) {
                guard isOurs else {
                    state.update { $0.isLost = true }
                    call.stop()
                    return
                }
                renewed = start
                call.allow(until: start + duration)
            }
            let percent = call.percent
            let current = state.read
            if percent != told || current.hasChanged {
                // What it waited for is over.
                if percent != told, told >= 0 { state.update { $0.record.operation.note = nil } }
                // Work that is begun again goes faster where it has been: what is told does not go back.
                state.update { $0.record.operation.percent = max($0.record.operation.percent, percent) }
                var record = state.read.record
                record.operation.cancelRequested = current.isCancelled
                if (try? await OperationStore.update(record, lease, in: records)) == true {
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

extension LongCall {
    /// To a tenth of a percent: what changes less is not worth a write.
    var percent: Double { (fraction * 1000).rounded(.down) / 10 }
}
