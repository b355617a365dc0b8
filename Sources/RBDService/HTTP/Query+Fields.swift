// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

extension Query {
    /// What `?fields=` asks for beyond the usual, separated by commas.
    /// - Throws: `Problem` with `invalid-parameter`.
    func fields(known: Set<String>) throws(Problem) -> Set<String> {
        guard let text = self["fields"] else { return [] }
        let fields = Set(text.split(separator: ",").map(String.init))
        guard let unknown = fields.subtracting(known).min() else { return fields }
        throw Problem(
            .invalidParameter,
            detail: "fields: there is no field \"\(unknown.prefix(40))\" to be asked for here",
            field: "fields",
            hint: "known are \(known.sorted().joined(separator: ", "))"
        )
    }
}
