// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// Applies an action to each of several images or other objects. A failure does not stop the others.
struct ForEach<Spec: CustomStringConvertible> {
    let specs: [Spec]

    init(_ specs: [Spec]) {
        self.specs = specs
    }

    /// Reports each failure on stderr as it comes.
    /// - Returns: the error to throw at the end; nil if nothing failed.
    func run(
        reportingTo errors: Console = .errors,
        _ action: (Spec) async throws -> Void
    ) async throws -> ReportedFailures? {
        var first: ReportedFailures?
        for spec in specs {
            do {
                try await action(spec)
            } catch let failure as Failure {
                errors.report(failure.text(about: specs.count > 1 ? spec.description : nil))
                first = first ?? ReportedFailures(status: failure.status)
            } catch let failures as ReportedFailures {
                first = first ?? failures
            }
        }
        return first
    }

    /// Deletes each object and prints its spec, or the plan of a dry run.
    /// - Parameter code: the code of a problem that is not a failure.
    func delete(ignoring code: ProblemCode? = nil, _ action: (Spec) async throws -> Plan?) async throws {
        try await delete(ignoring: code) { spec in
            try await action(spec).map(Change.planned) ?? .done(spec.description)
        }
    }

    /// Deletes each object and prints the text that the action returns, or the plan of a dry run.
    func delete(ignoring code: ProblemCode? = nil, _ action: (Spec) async throws -> Change<String>) async throws {
        // Whether the output can be written must not decide what is deleted.
        var writing = Result<Void, any Error>.success(())
        let failures = try await run { spec in
            do {
                switch try await action(spec) {
                case .planned(let plan): try Console.output.write(plan, as: .table)
                case .done(let name):
                    writing = writing.flatMap { _ in
                        Result { try Console.output.write(Escaping.name(name) + "\n") }
                    }
                }
            } catch let failure as Failure where failure.code != nil && failure.code == code {
                return
            }
        }
        if let failures { throw failures }
        try writing.get()
    }
}
