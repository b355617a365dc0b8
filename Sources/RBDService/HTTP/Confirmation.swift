// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// The parameter `confirm` of requests that destroy something. It repeats the name of what they destroy.
enum Confirmation {
    /// A dry run needs no confirmation, but must not have a wrong one.
    /// - Parameters:
    ///   - given: the value of the parameter; nil if the request has none.
    ///   - consequence: what the request destroys.
    /// - Throws: `Problem` with `confirmation-required`.
    static func require(
        _ given: String?,
        of name: String,
        _ kind: Remedy.Kind,
        isDryRun: Bool,
        _ consequence: String
    ) throws(Problem) {
        guard given == name || isDryRun && given == nil else {
            throw Problem(
                .confirmationRequired,
                detail: consequence,
                field: "confirm",
                remedy: .confirm(name, of: kind)
            )
        }
    }
}
