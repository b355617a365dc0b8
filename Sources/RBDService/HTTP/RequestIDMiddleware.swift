// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging
import Synchronization

/// Gives every request an id, and returns it in a header of the answer.
struct RequestIDMiddleware: RouterMiddleware {
    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        var context = context
        context.requestID = request.headers[.requestID].flatMap { Self.isSane($0) ? $0 : nil } ?? Self.makeID()
        var response = try await next(request, context)
        response.headers[.requestID] = context.requestID
        // Browsers must not guess other content types, and shared caches must not store answers.
        response.headers[.xContentTypeOptions] = Self.contentTypeOptions
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = Self.cacheControl }
        return response
    }

    static let contentTypeOptions = "nosniff"
    static let cacheControl = "private, no-cache"

    /// Whether a caller's id may go into the log: it must not be able to forge a line there.
    static func isSane(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": true
                default: false
                }
            }
    }

    private static let count = Atomic(UInt64.random(in: .min ... .max))

    /// A unique id: each number of a counter is mixed into another number. Asking the kernel for random bytes would
    /// cost more.
    static func makeID() -> String {
        // The steps of SplitMix64.
        var mixed = count.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return (mixed ^ (mixed >> 31)).hexadecimal
    }
}

extension HTTPField.Name {
    static let requestID = HTTPField.Name("X-Request-Id")!
}
