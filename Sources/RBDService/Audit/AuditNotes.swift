// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import Naming
import RBDAPI
import Synchronization

/// What the audit log is to tell of a request, gathered on its way. It travels with the task, so that whatever has something
/// to tell needs no parameter for it.
final class AuditNotes: Sendable {
    @TaskLocal static var current: AuditNotes?

    struct State: Sendable {
        /// Whether the request is to change something.
        var isMutation: Bool
        var isRefused = false
        /// Whether there is room for its line.
        var isAdmitted = false
        /// Where neither the route's rule nor the path tells it.
        var verb: Verb?
        var object: String?
        var parameters: [String: AuditValue] = [:]
        var body: AuditValue?
        var before: AuditImage?
        var after: AuditImage?
        var operations: [String] = []
        /// By when the answer must be on its way.
        var deadline: ContinuousClock.Instant?
    }

    private let log: AuditLog
    private let state: Mutex<State>

    init(log: AuditLog, isMutation: Bool) {
        self.log = log
        state = Mutex(State(isMutation: isMutation))
    }

    var gathered: State { state.withLock { $0 } }

    /// To be awaited before anything is changed, once it is known who asks and that he may.
    /// - Throws: `Problem` with `audit-unavailable` where the change could not be put on record.
    func begin() async throws(Problem) {
        guard gathered.isMutation else { return }
        if try await log.admit(by: gathered.deadline) { state.withLock { $0.isAdmitted = true } }
    }

    /// The same for a request of which it shows on the way only that it is to change something.
    /// - Throws: `Problem` with `audit-unavailable` where the change could not be put on record.
    func begin(_ verb: Verb) async throws(Problem) {
        let isBegun = state.withLock { state in
            (state.isMutation, state.verb) = (true, verb)
            return state.isAdmitted
        }
        if !isBegun { try await begin() }
    }

    /// Whoever asks waits no longer than that, not for the log either.
    func set(deadline: ContinuousClock.Instant) {
        state.withLock { $0.deadline = deadline }
    }

    /// What the request is about, where its path does not say it.
    func set(object: ImageSpec) {
        state.withLock { $0.object = object.description }
    }

    func set(_ parameters: [String: String]) {
        state.withLock { $0.parameters = parameters.mapValues(AuditValue.text) }
    }

    /// Marks the request as one for what the caller may not have, whatever it is answered with.
    func refuse() {
        state.withLock { $0.isRefused = true }
    }

    /// The body, once it was found to have known fields only.
    func set(body: some Sequence<UInt8>) {
        guard gathered.isMutation, let value = try? JSONDecoder().decode(AuditValue.self, from: Data(body)) else {
            return
        }
        state.withLock { $0.body = value.withoutMetadata }
    }

    /// What the image was before something is changed about it. The first that is told stays.
    func before(_ image: AuditImage) {
        state.withLock { $0.before = $0.before ?? image }
    }

    /// What the image has become.
    func after(_ image: AuditImage) {
        state.withLock { $0.after = image }
    }

    /// The request has begun an operation, or met the one that it asks for.
    func add(_ operation: RBDAPI.Operation) {
        let isFirst = state.withLock { state in
            state.operations.append(operation.id)
            return state.operations.count == 1
        }
        if isFirst { log.begun(operation, by: RequestNotes.current?.audited.identity) }
    }
}
