// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// An `AdmissionReview` of `admission.k8s.io/v1`, with the fields that the service uses.
struct AdmissionReview: Decodable {
    static let apiVersion = "admission.k8s.io/v1"
    static let kind = "AdmissionReview"

    var apiVersion: String
    var kind: String
    var request: Request?

    struct Request: Decodable {
        var uid: String
        /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
        var operation: String
        var resource: Resource
        var subResource: String?
        var dryRun: Bool?
        var userInfo: UserInfo?
        var object: Object?
        /// The object before the change; nil for a new one.
        var oldObject: Object?

        struct Resource: Decodable, Hashable {
            var group: String
            var version: String
            var resource: String
        }

        struct UserInfo: Decodable {
            var username: String?
        }

        /// The object to review. If it is invalid, that is its author's fault, not the API server's. So the verdict
        /// says so.
        struct Object: Decodable {
            var volume: Result<PersistentVolume, DecodingError>

            init(from decoder: any Decoder) throws {
                do {
                    volume = .success(try PersistentVolume(from: decoder))
                } catch let error as DecodingError {
                    volume = .failure(error)
                }
            }
        }

        var isNewVolume: Bool { operation == "CREATE" && isOfVolume }

        var isChangedVolume: Bool { operation == "UPDATE" && isOfVolume }

        private var isOfVolume: Bool {
            resource.group.isEmpty && resource.resource == "persistentvolumes" && (subResource ?? "").isEmpty
        }
    }
}

/// The verdict.
struct AdmissionAnswer: SameForAll {
    var apiVersion = AdmissionReview.apiVersion
    var kind = AdmissionReview.kind
    var response: Response

    struct Response: Encodable {
        var uid: String
        var allowed: Bool
        /// A Status of `meta/v1`: the reason of a denial.
        var status: Status?
        var warnings: [String]?
    }

    struct Status: Encodable {
        var code: Int
        var reason: String
        var message: String
        var details: Details?

        struct Details: Encodable {
            var name: String?
            var kind = "PersistentVolume"
            /// The invalid fields of the volume.
            var causes: [Cause]?
            /// After how long clients repeat the request by themselves.
            var retryAfterSeconds: Int?
        }

        struct Cause: Encodable {
            var reason = "FieldValueInvalid"
            var message: String
            var field: String
        }
    }

    static func allowed(_ uid: String, warnings: [String] = []) -> AdmissionAnswer {
        AdmissionAnswer(
            response: Response(uid: uid, allowed: true, warnings: warnings.isEmpty ? nil : warnings)
        )
    }

    /// - Parameters:
    ///   - volume: its name; nil if it has none.
    ///   - requestID: for finding the request in the service's log if the service failed.
    static func denied(_ uid: String, _ problem: Problem, volume: String?, requestID: String) -> AdmissionAnswer {
        var message = problem.detail
        if let hint = problem.hint { message += "; \(hint)" }
        if problem.status >= 500 { message += " (request id \(requestID))" }
        return AdmissionAnswer(
            response: Response(uid: uid, allowed: false, status: Status(problem, volume: volume, message: message))
        )
    }
}

extension AdmissionAnswer.Status {
    /// Clients act on some reasons: AlreadyExists, NotFound and Conflict are about the volume, so they are never used
    /// for its image. For Invalid, kubectl prints only a text of its own. So errors of the author are Forbidden, as
    /// with most webhooks.
    fileprivate init(_ problem: Problem, volume: String?, message: String) {
        let (code, reason) =
            switch problem.status {
            case ..<500 where problem.retryable: (503, "ServiceUnavailable")
            case 504: (504, "Timeout")
            case 503: (503, "ServiceUnavailable")
            case 500...: (500, "InternalError")
            default: (403, "Forbidden")
            }
        let cause = problem.field.map { Cause(message: problem.detail, field: $0) }
        let pause = Self.retryAfterSeconds(problem.kind)
        self.init(code: code, reason: reason, message: message)
        if cause != nil || pause != nil {
            details = Details(name: volume, causes: cause.map { [$0] }, retryAfterSeconds: pause)
        }
    }

    /// Clients repeat silently. So this is only for problems that end in a moment, and not for a cluster that may be
    /// down for long.
    private static func retryAfterSeconds(_ code: ProblemCode) -> Int? {
        switch code {
        case .overloaded: 1
        // Another request is creating the image, or has died while doing so.
        case .imageIncomplete: 5
        default: nil
        }
    }
}

/// Warnings for the author of a volume that is allowed: kubectl prints them.
enum AdmissionWarning {
    /// If all warnings together are too long, an API server cuts each to this length. It drops warnings with control
    /// characters.
    static let maximumCharacters = 256

    /// A sentence in a form that API servers pass on. Names of images may contain any characters.
    static func text(_ sentence: String) -> String {
        var text = ""
        for scalar in sentence.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        guard text.unicodeScalars.count > maximumCharacters else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(maximumCharacters - 1))) + "…"
    }
}
