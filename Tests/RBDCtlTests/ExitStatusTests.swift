// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import TestSupport
import Testing

@testable import rbdctl

@Suite(.timeLimit(.minutes(5)))
struct ExitStatusTests {
    /// Repeated here on purpose: the numbers are a contract, so a change must be made in two places.
    static let expected: [String: Int32] = [
        "malformed-request": 4, "request-timeout": 4, "header-too-large": 4, "expectation-failed": 4,
        "http-version-not-supported": 4, "malformed-body": 4, "unknown-field": 4, "invalid-parameter": 4,
        "confirmation-required": 4, "body-too-large": 4, "unsupported-media-type": 4, "unauthenticated": 5,
        "forbidden": 5, "route-not-found": 1, "method-not-allowed": 1, "invalid-name": 4, "invalid-size": 4,
        "invalid-object-size": 4, "invalid-striping": 4, "invalid-features": 4, "invalid-metadata": 4, "invalid-qos": 4,
        "precondition-failed": 3, "invalid-pool-option": 4, "invalid-image-option": 4, "data-pool-not-found": 4,
        "source-not-found": 4, "invalid-source": 4, "invalid-snapshot-limit": 4, "pool-not-found": 2,
        "namespace-not-found": 2, "image-not-found": 2, "snapshot-not-found": 2, "snapshot-exists": 3,
        "snapshot-protected": 3, "snapshot-has-clones": 3, "snapshot-managed": 3, "snapshot-limit-reached": 3,
        "namespace-exists": 3, "namespace-not-empty": 3, "pool-exists": 3, "image-exists": 3, "image-differs": 3,
        "image-in-use": 3, "image-has-snapshots": 3, "image-in-group": 3, "image-migrating": 3, "image-incomplete": 3,
        "image-unreadable": 3, "image-changed": 3, "parent-not-found": 3, "change-in-progress": 3,
        "trash-entry-not-found": 2, "trash-deferred": 3, "image-has-no-parent": 3, "image-encrypted": 3,
        "operation-not-found": 2, "operation-in-progress": 3, "operation-finished": 3, "operation-stopped": 3,
        "operation-not-cancellable": 3, "group-not-found": 2, "image-not-in-group": 2, "group-snapshot-not-found": 2,
        "group-exists": 3, "group-has-snapshots": 3, "group-snapshot-exists": 3, "group-changed": 3,
        "group-snapshot-incomplete": 3, "invalid-persistent-volume": 4, "other-cluster": 4, "pool-not-allowed": 5,
        "pool-erasure-coded": 4, "pool-busy": 3, "lock-not-found": 2, "watcher-not-found": 2, "own-client": 3,
        "image-read-only": 3, "pool-deletion-disabled": 5, "pool-full": 8, "unsupported-by-cluster": 1,
        "cluster-credentials-refused": 5, "cluster-unavailable": 6, "pool-unavailable": 6, "overloaded": 6,
        "audit-unavailable": 6, "deadline-exceeded": 7, "ceph-error": 1, "internal-error": 1,
    ]

    /// The numbers of codes that are not listed above.
    static let byStatus: [Int: Int32] = [
        400: 4, 401: 5, 403: 5, 404: 2, 409: 3, 413: 4, 415: 4, 418: 1, 422: 4, 429: 6, 500: 1, 501: 1, 502: 1, 503: 6,
        504: 7, 507: 8,
    ]

    @Test func everyCodeHasItsNumber() throws {
        let codes = try ProblemCode.inContract.get()
        #expect(Set(Self.expected.keys).subtracting(codes.map(\.rawValue)).isEmpty)
        for code in codes {
            let number = Self.expected[code.rawValue] ?? Self.byStatus[code.status]
            #expect(ExitStatus(Problem(code, detail: "")).rawValue == number, "\(code.rawValue)")
            #expect(Failure(Problem(code, detail: "")).code == code)
        }
    }

    @Test(arguments: ExitStatusTests.byStatus)
    func anUnknownCodeIsJudgedByItsStatus(status: Int, number: Int32) {
        var problem = Problem(.internalError, detail: "")
        problem.code = "of-a-newer-service"
        problem.status = status
        #expect(ExitStatus(problem).rawValue == number)
    }

    @Test func helpListsEveryNumber() async throws {
        let error = await #expect(throws: (any Error).self) { try await Rbdctl.run(["--help"]) }
        let ending = Rbdctl.ending(of: try #require(error))
        #expect(ending.status == .success)
        for status in ExitStatus.allCases {
            let line = ending.output.split(separator: "\n").first { $0.hasPrefix("  \(status.rawValue) ") }
            #expect(line?.hasSuffix(status.meaning) == true, "\(status)")
        }
    }
}
