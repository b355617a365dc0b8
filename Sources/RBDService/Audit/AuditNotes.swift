// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import Naming
import RBDAPI
import Synchronization

/// What the audit log will say about a request. It is a task-local value, so that functions need no parameter for it.
final class AuditNotes: Sendable {
    @TaskLocal static var current: AuditNotes?

    struct State: Sendable {
        /// Whether the request is to change something.
        var isMutation: Bool
        var isRefused = false
        /// Whether space is reserved for its line.
        var isAdmitted = false
        /// Nil unless it differs from the verb of the route's rule.
        var verb: Verb?
        var object: String?
        var parameters: [String: AuditValue] = [:]
        var body: AuditValue?
        var before: AuditImage?
        var after: AuditImage?
        var operations: [String] = []
        /// When the request must be answered.
        var deadline: ContinuousClock.Instant?
    }

    private let log: AuditLog
    private let state: Mutex<State>

    init(log: AuditLog, isMutation: Bool) {
        self.log = log
        state = Mutex(State(isMutation: isMutation))
    }

    var gathered: State { state.withLock { $0 } }

    /// Must be awaited before anything is changed, once the caller is authenticated and authorized.
    /// - Throws: `Problem` with `audit-unavailable` if the change can't be logged.
    func begin() async throws(Problem) {
        guard gathered.isMutation else { return }
        if try await log.admit(by: gathered.deadline) { state.withLock { $0.isAdmitted = true } }
    }

    /// The same for a request whose handler finds out that it changes something.
    /// - Throws: `Problem` with `audit-unavailable` if the change can't be logged.
    func begin(_ verb: Verb) async throws(Problem) {
        let isBegun = state.withLock { state in
            (state.isMutation, state.verb) = (true, verb)
            return state.isAdmitted
        }
        if !isBegun { try await begin() }
    }

    /// The request waits no longer than this, not even for the audit log.
    func set(deadline: ContinuousClock.Instant) {
        state.withLock { $0.deadline = deadline }
    }

    /// The request's object, if its path does not name it.
    func set(object: ImageSpec) {
        state.withLock { $0.object = object.description }
    }

    func set(_ parameters: [String: String]) {
        state.withLock { $0.parameters = parameters.mapValues(AuditValue.text) }
    }

    /// Marks the request as refused for lack of access, whatever its answer is.
    func refuse() {
        state.withLock { $0.isRefused = true }
    }

    /// The body, after the check that all its fields are known.
    func set(body: some Sequence<UInt8>) {
        guard gathered.isMutation, let value = try? JSONDecoder().decode(AuditValue.self, from: Data(body)) else {
            return
        }
        state.withLock { $0.body = value.withoutMetadata }
    }

    /// The image before the change. Only the first call counts.
    func before(_ image: AuditImage) {
        state.withLock { $0.before = $0.before ?? image }
    }

    /// The image after the change.
    func after(_ image: AuditImage) {
        state.withLock { $0.after = image }
    }

    /// The request has started an operation, or found the one that it wanted to start.
    func add(_ operation: RBDAPI.Operation) {
        let isFirst = state.withLock { state in
            state.operations.append(operation.id)
            return state.operations.count == 1
        }
        if isFirst { log.begun(operation, by: RequestNotes.current?.audited.identity) }
    }
}
