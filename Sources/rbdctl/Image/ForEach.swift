// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Does something with each of several things, whatever becomes of the others.
struct ForEach<Spec: CustomStringConvertible> {
    let specs: [Spec]

    init(_ specs: [Spec]) {
        self.specs = specs
    }

    /// Reports each failure on stderr as it comes.
    /// - Returns: what to throw at the end; nil where nothing failed.
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
            }
        }
        return first
    }
}
