// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import Testing

@testable import rbdctl

@Suite struct ExitStatusTests {
    /// Repeated here on purpose: the numbers are a contract, so a change must be made in two places.
    static let expected: [ProblemCode: Int32] = [
        .malformedRequest: 4, .requestTimeout: 4, .headerTooLarge: 4, .expectationFailed: 4,
        .httpVersionNotSupported: 4, .malformedBody: 4, .unknownField: 4, .invalidParameter: 4,
        .confirmationRequired: 4, .bodyTooLarge: 4,
        .unsupportedMediaType: 4, .unauthenticated: 5, .forbidden: 5, .routeNotFound: 1, .methodNotAllowed: 1,
        .invalidName: 4, .invalidSize: 4, .invalidObjectSize: 4, .invalidStriping: 4, .invalidFeatures: 4,
        .invalidMetadata: 4, .invalidQoS: 4,
        .preconditionFailed: 3,
        .invalidPoolOption: 4, .invalidImageOption: 4, .dataPoolNotFound: 4,
        .sourceNotFound: 4, .invalidSource: 4, .invalidSnapshotLimit: 4,
        .poolNotFound: 2, .namespaceNotFound: 2, .imageNotFound: 2, .snapshotNotFound: 2,
        .snapshotExists: 3, .snapshotProtected: 3, .snapshotHasClones: 3, .snapshotManaged: 3,
        .snapshotLimitReached: 3, .namespaceExists: 3, .namespaceNotEmpty: 3,
        .poolExists: 3, .imageExists: 3, .imageDiffers: 3, .imageInUse: 3, .imageHasSnapshots: 3, .imageInGroup: 3,
        .imageMigrating: 3, .imageIncomplete: 3, .imageUnreadable: 3, .imageChanged: 3,
        .parentNotFound: 3, .changeInProgress: 3,
        .trashEntryNotFound: 2, .trashDeferred: 3, .imageHasNoParent: 3, .imageEncrypted: 3, .operationNotFound: 2,
        .operationInProgress: 3, .operationFinished: 3, .operationStopped: 3,
        .operationNotCancellable: 3,
        .groupNotFound: 2, .imageNotInGroup: 2, .groupSnapshotNotFound: 2,
        .groupExists: 3, .groupHasSnapshots: 3, .groupSnapshotExists: 3, .groupChanged: 3, .groupSnapshotIncomplete: 3,
        .invalidPersistentVolume: 4, .otherCluster: 4, .poolNotAllowed: 5,
        .poolErasureCoded: 4, .poolBusy: 3,
        .lockNotFound: 2, .watcherNotFound: 2, .ownClient: 3,
        .imageReadOnly: 3, .poolDeletionDisabled: 5, .poolFull: 8,
        .unsupportedByCluster: 1, .credentialsRefused: 5, .clusterUnavailable: 6, .poolUnavailable: 6,
        .overloaded: 6, .auditUnavailable: 6,
        .deadlineExceeded: 7, .cephError: 1, .internalError: 1,
    ]

    @Test(arguments: ProblemCode.allCases)
    func everyCodeHasItsNumber(code: ProblemCode) {
        #expect(ExitStatus(Problem(code, detail: "")).rawValue == Self.expected[code])
        #expect(Failure(Problem(code, detail: "")).code == code)
    }

    @Test(
        arguments: [
            (400, 4), (401, 5), (403, 5), (404, 2), (409, 3), (413, 4), (415, 4), (418, 1), (422, 4), (429, 6),
            (500, 1),
            (501, 1), (502, 1), (503, 6), (504, 7), (507, 8),
        ] as [(Int, Int32)]
    )
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
