// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import RBDAPI
import Synchronization

/// What the audit log is to tell of a request, gathered on its way. It travels with the task, so that whatever has something
/// to tell needs no parameter for it.
final class AuditNotes: Sendable {
    @TaskLocal static var current: AuditNotes?

    struct State: Sendable {
        var isRefused = false
        /// Whether there is room for its line.
        var isAdmitted = false
        var body: AuditValue?
        var before: AuditImage?
        var after: AuditImage?
        var operations: [String] = []
    }

    private let log: AuditLog
    /// Whether the request is to change something.
    let isMutation: Bool
    private let state = Mutex(State())

    init(log: AuditLog, isMutation: Bool) {
        self.log = log
        self.isMutation = isMutation
    }

    var gathered: State { state.withLock { $0 } }

    /// To be awaited before anything is changed, once it is known who asks and that he may.
    /// - Throws: `Problem` with `audit-unavailable` where the change could not be put on record.
    func begin() async throws(Problem) {
        guard isMutation else { return }
        if try await log.admit() { state.withLock { $0.isAdmitted = true } }
    }

    /// Marks the request as one for what the caller may not have, whatever it is answered with.
    func refuse() {
        state.withLock { $0.isRefused = true }
    }

    /// The body, once it was found to have known fields only.
    func set(body: some Sequence<UInt8>) {
        guard isMutation, let value = try? JSONDecoder().decode(AuditValue.self, from: Data(body)) else { return }
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
