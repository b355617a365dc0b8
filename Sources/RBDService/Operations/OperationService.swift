// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Begins operations, and reads their state.
struct OperationService: Sendable {
    let store: OperationStore
    let runner: OperationRunner
    let followers: OperationFollowers

    init(store: OperationStore, runner: OperationRunner) {
        self.store = store
        self.runner = runner
        followers = OperationFollowers(store: store)
    }

    /// Which operations a list has.
    struct Filter {
        var pool: String?
        var state: RBDAPI.Operation.State?
    }

    /// Begins an operation, or finds the same one if it has begun.
    func start(_ task: any OperationTask, on spec: ImageSpec, imageID: String) async throws -> RBDAPI.Operation {
        await submitted(try await store.create(task, on: spec, imageID: imageID))
    }

    func start(_ task: any OperationTask, on group: GroupSpec) async throws -> RBDAPI.Operation {
        await submitted(try await store.create(task, on: group))
    }

    /// Finds the same operation, if it has begun and is not finished.
    /// - Throws: `Problem` with `operation-in-progress` if another operation on the image is not finished; `CephError`.
    func begun(
        _ task: any OperationTask,
        on spec: ImageSpec,
        imageID: String
    ) async throws -> RBDAPI.Operation? {
        guard let record = try await store.begun(task, on: spec, imageID: imageID) else { return nil }
        AuditNotes.current?.add(record.operation)
        return record.operation
    }

    private func submitted(_ created: OperationStore.Created) async -> RBDAPI.Operation {
        switch created {
        case .new(let record):
            AuditNotes.current?.add(record.operation)
            await runner.submit(record)
            return record.operation
        case .existing(let record):
            AuditNotes.current?.add(record.operation)
            return record.operation
        }
    }

    func get(_ id: String) async throws -> RBDAPI.Operation {
        try await store.record(id).operation
    }

    func list(_ filter: Filter, after cursor: Cursor?, limit: Int) async throws -> Page<RBDAPI.Operation> {
        let access = Access.current
        let all = try await store.list(pool: filter.pool.map(access.visible))
        var wanted: [RBDAPI.Operation] = []
        for operation in all {
            guard filter.state == nil || operation.state == filter.state,
                cursor.map({ ($0.name, $0.id) > (operation.createdAt, operation.id) }) ?? true,
                access.mayFollow(operation)
            else { continue }
            wanted.append(operation)
            // One more tells that there is another page.
            if wanted.count > limit { break }
        }
        let items = Array(wanted.prefix(limit))
        let next = wanted.count > limit ? items.last.map { Cursor(name: $0.createdAt, id: $0.id).text } : nil
        return Page(items: items, nextCursor: next)
    }

    func cancel(_ id: String, isDryRun: Bool) async throws -> Attempt<RBDAPI.Operation> {
        if isDryRun {
            let operation = try await store.cancellable(id).operation
            return Attempt(Plan.Step(.cancelOperation, id, detail: "\(operation.kind) \(operation.subject)"))
        }
        let operation = try await store.cancel(id).operation
        AuditNotes.current?.add(operation)
        return .done(operation)
    }

    /// Waits for the end of an operation.
    /// - Parameter duration: the maximum wait. It never exceeds the request's own deadline.
    /// - Returns: the state of the operation after the wait.
    func wait(for id: String, atMost duration: Duration) async throws -> RBDAPI.Operation {
        var end = ContinuousClock.now + duration
        // Leave time to send the response.
        if let deadline = Deadline.current { end = min(end, deadline - .milliseconds(500)) }
        var pause = Duration.milliseconds(20)
        while true {
            let operation = try await get(id)
            let left = end - .now
            if operation.state.isFinished || left <= .zero { return operation }
            try await Task.sleep(for: min(pause, left))
            // Another replica may run the operation, so nothing in this process is notified. A few reads cost little.
            pause = min(pause * 3 / 2, .milliseconds(400))
        }
    }
}
