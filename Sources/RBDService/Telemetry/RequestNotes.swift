// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// What is learnt about a request on its way, for its line in the log. It travels with the task, so that whatever has
/// something to tell needs no parameter for it.
final class RequestNotes: Sendable {
    @TaskLocal static var current: RequestNotes?

    /// With the request's id in it.
    let logger: Logger

    private struct State {
        var identity: Identity?
        var isOutOfScope = false
        var problemCode: String?
        var problemStatus: Int?
        var errno: CInt?
        var failure: CephError?
        var operation: CephError.Operation?
        var resource: CephError.Resource?
        var volume: String?
    }

    private let state = Mutex(State())

    init(logger: Logger) {
        self.logger = logger
    }

    /// The problem that the request is answered with.
    func set(_ problem: Problem) {
        state.withLock { state in
            state.problemCode = problem.code
            state.problemStatus = problem.status
            state.errno = problem.errno
        }
    }

    /// Who asks.
    func set(_ identity: Identity) {
        state.withLock { $0.identity = identity }
    }

    /// The PersistentVolume that it is about.
    func set(volume: String) {
        state.withLock { $0.volume = volume }
    }

    /// That of the problem, which an answer may carry under another status.
    var problemStatus: Int? { state.withLock { $0.problemStatus } }

    /// It speaks of what is out of the scope of who asks.
    func refuse() {
        state.withLock { $0.isOutOfScope = true }
        AuditNotes.current?.refuse()
    }

    /// The error behind the problem.
    func set(_ failure: CephError) {
        state.withLock { $0.failure = failure }
    }

    /// What the audit log tells of it, too.
    var audited: (identity: String?, code: String?, errno: CInt?) {
        state.withLock { ($0.identity?.name, $0.problemCode, $0.errno) }
    }

    func add(_ call: CallRecord) {
        state.withLock { state in
            // A create is followed by a read, and its claim is let go: the create is what the request was about.
            if Self.weight(of: call.operation) >= Self.weight(of: state.operation) { state.operation = call.operation }
            switch call.resource {
            case .image, .snapshot: state.resource = call.resource
            default: break
            }
        }
    }

    /// How much a call tells of what its request was about.
    private static func weight(of operation: CephError.Operation?) -> Int {
        switch operation {
        case nil: 0
        case .changeRecord?: 1
        case let operation?: operation.isChange ? 2 : 1
        }
    }

    /// Names that the path does not tell come from the calls: that of an image made by POST is in the body.
    var metadata: Logger.Metadata {
        let state = state.withLock { $0 }
        // Names that stand in for others say nothing: what was asked for is in the path.
        let resource = state.isOutOfScope ? nil : state.failure?.resource ?? state.resource
        var metadata = resource?.metadata ?? [:]
        metadata[LogKeys.identity] = state.identity.map { "\($0.name)" }
        metadata[LogKeys.volume] = state.volume.map { "\($0)" }
        metadata[LogKeys.problem] = state.problemCode.map { "\($0)" }
        metadata[LogKeys.errno] = state.errno.map { .stringConvertible($0) }
        metadata[LogKeys.operation] = (state.failure?.operation ?? state.operation).map { "\($0.label)" }
        metadata[LogKeys.error] = state.isOutOfScope ? nil : state.failure.map { "\($0.debugDescription)" }
        if state.isOutOfScope { metadata[LogKeys.access] = "outside" }
        return metadata
    }
}
