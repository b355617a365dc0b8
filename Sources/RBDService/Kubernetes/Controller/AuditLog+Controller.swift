// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Kubernetes
import Logging
import Naming
import RBDAPI

extension AuditLog {
    /// What the lines of the controller have as their identity and their route.
    static let controller = "kubernetes-controller"

    /// Makes a change that no request asks for, and writes its line.
    /// - Parameters:
    ///   - volume: the PersistentVolume that the change is for.
    ///   - reason: why the change is made, if the volume does not ask for it.
    /// - Throws: `Problem` with `audit-unavailable` if the change can't be logged; what the change throws.
    func recording<Value: Sendable>(
        _ verb: Verb,
        _ image: ImageSpec,
        volume: String,
        reason: String? = nil,
        logger: Logger,
        _ change: () async throws -> Value
    ) async throws -> Value {
        let notes = AuditNotes(log: self, isMutation: true)
        try await notes.begin()
        let start = ContinuousClock.now
        var parameters: [String: AuditValue] = ["volume": .text(volume)]
        if let reason { parameters["reason"] = .text(reason) }
        var line = AuditLine(
            identity: Self.controller,
            verb: verb,
            method: "",
            route: Self.controller,
            object: image.description,
            parameters: parameters,
            outcome: .succeeded,
            status: 200,
            duration: .zero
        )
        let result: Result<Value, any Error>
        do {
            result = .success(try await AuditNotes.$current.withValue(notes) { try await change() })
        } catch {
            let problem = Self.problem(error, logger)
            (line.outcome, line.status) = (problem.status == 403 ? .refused : .failed, problem.status)
            (line.code, line.errno) = (problem.code, problem.errno)
            result = .failure(error)
        }
        let gathered = notes.gathered
        line.duration = .now - start
        (line.before, line.after, line.operations) = (gathered.before, gathered.after, gathered.operations)
        await record(line, isAdmitted: gathered.isAdmitted)
        return try result.get()
    }

    private static func problem(_ error: any Error, _ logger: Logger) -> Problem {
        guard let error = error as? KubernetesError else { return Problem(thrown: error, logger: logger) }
        // The last look at the volume, before its image was touched.
        return Problem(.changeInProgress, detail: "nothing was changed: \(error)")
    }
}
