// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// The exit codes of rbdctl. Scripts rely on the numbers: none is changed or reused.
enum ExitStatus: Int32, CaseIterable, Sendable {
    case success = 0
    case other = 1
    case notFound = 2
    case conflict = 3
    case refused = 4
    case forbidden = 5
    case unavailable = 6
    case outcomeUnknown = 7
    case poolFull = 8
    /// EX_USAGE of sysexits.h, which the argument parser also uses.
    case usage = 64

    var meaning: String {
        switch self {
        case .success: "done"
        case .other: "failed for another reason"
        case .notFound: "the named object does not exist"
        case .conflict: "the object exists already, is different, or is in use"
        case .refused: "the service refused the request as invalid"
        case .forbidden: "forbidden, or the credentials were refused"
        case .unavailable: "the service or the cluster can't be reached or is busy"
        case .outcomeUnknown: "no answer in time; a change may have been made"
        case .poolFull: "the pool is full"
        case .usage: "the command line is not valid"
        }
    }

    /// For `rbdctl --help`.
    static let table = allCases.map { status in
        let number = String(status.rawValue)
        return "  \(number)\(String(repeating: " ", count: 4 - number.count))\(status.meaning)"
    }.joined(separator: "\n")

    /// The HTTP status decides, with few exceptions. So the codes of newer services have a number, too.
    init(_ problem: Problem) {
        self =
            switch problem.kind {
            // A path that the service does not know says nothing about an image. A script could take `notFound` to mean
            // "there is nothing to delete".
            case .routeNotFound: .other
            case .credentialsRefused: .forbidden
            case .preconditionFailed: .conflict
            case .requestTimeout, .headerTooLarge, .expectationFailed, .httpVersionNotSupported: .refused
            default: ExitStatus(httpStatus: problem.status)
            }
    }

    private init(httpStatus: Int) {
        self =
            switch httpStatus {
            case 404: .notFound
            case 409: .conflict
            case 400, 413, 415, 422: .refused
            case 401, 403: .forbidden
            case 429, 503: .unavailable
            case 504: .outcomeUnknown
            case 507: .poolFull
            default: .other
            }
    }
}
