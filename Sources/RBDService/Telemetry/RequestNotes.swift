// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import RBDAPI
import Synchronization

/// What the log line of a request will say. It is a task-local value, so that functions need no parameter for it.
final class RequestNotes: Sendable {
    @TaskLocal static var current: RequestNotes?

    private let base: Logger
    private let requestID: String

    private struct State {
        var identity: Identity?
        var isOutOfScope = false
        var problem: Problem?
        var failure: CephError?
        var operation: CephError.Operation?
        var resource: CephError.Resource?
        var volume: String?
    }

    private let state = Mutex(State())

    init(logger: Logger, requestID: String) {
        (base, self.requestID) = (logger, requestID)
    }

    var logLevel: Logger.Level { base.logLevel }

    /// Its metadata contain the request's id. Few requests write a line, so it is made when it is needed.
    var logger: Logger { base.of(requestID) }

    /// Sets the problem in the request's answer.
    func set(_ problem: Problem) {
        state.withLock { $0.problem = problem }
    }

    func set(_ identity: Identity) {
        state.withLock { $0.identity = identity }
    }

    func set(volume: String) {
        state.withLock { $0.volume = volume }
    }

    /// The status of the problem. The answer may have another status.
    var problemStatus: Int? { state.withLock { $0.problem?.status } }

    /// Marks the request as one that names something out of the caller's scope.
    func refuse() {
        state.withLock { $0.isOutOfScope = true }
        AuditNotes.current?.refuse()
    }

    /// Sets the error that caused the problem.
    func set(_ failure: CephError) {
        state.withLock { $0.failure = failure }
    }

    /// The values that the audit log contains, too.
    var audited: (identity: String?, code: String?, errno: CInt?) {
        state.withLock { ($0.identity?.name, $0.problem?.code, $0.problem?.errno) }
    }

    func add(_ call: CallRecord) {
        state.withLock { state in
            // A create also reads the image and releases its claim. The log names the create.
            if Self.weight(of: call.operation) >= Self.weight(of: state.operation) { state.operation = call.operation }
            switch call.resource {
            case .image, .snapshot: state.resource = call.resource
            default: break
            }
        }
    }

    /// How well a call describes its request.
    private static func weight(of operation: CephError.Operation?) -> Int {
        switch operation {
        case nil: 0
        case .changeRecord?: 1
        case let operation?: operation.isChange ? 2 : 1
        }
    }

    /// If the path does not contain the names, they come from the calls: a POST has the image's name in the body.
    var metadata: Logger.Metadata {
        let state = state.withLock { $0 }
        // Names that replace hidden ones are not logged: the path has the names of the request.
        let resource = state.isOutOfScope ? nil : state.failure?.resource ?? state.resource
        var metadata = resource?.metadata ?? [:]
        metadata[LogKeys.identity] = state.identity.map { "\($0.name)" }
        metadata[LogKeys.volume] = state.volume.map { "\($0)" }
        metadata[LogKeys.problem] = state.problem.map { "\($0.code)" }
        metadata[LogKeys.errno] = state.problem?.errno.map { .stringConvertible($0) }
        metadata[LogKeys.operation] = (state.failure?.operation ?? state.operation).map { "\($0.label)" }
        metadata[LogKeys.error] = state.isOutOfScope ? nil : state.failure.map { "\($0.debugDescription)" }
        if state.isOutOfScope { metadata[LogKeys.access] = "outside" }
        return metadata
    }
}

extension Logger {
    /// The same logger, whose lines have the id of a request.
    func of(_ requestID: String) -> Logger {
        var logger = self
        logger[metadataKey: LogKeys.requestID] = "\(requestID)"
        // Hummingbird's own id is of no use to the caller.
        logger[metadataKey: "hb.request.id"] = nil
        return logger
    }
}
