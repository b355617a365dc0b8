// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

extension ServiceRequestContext {
    /// The pool of the path and the namespace of the query.
    /// - Throws: `Problem` with `invalid-parameter`.
    func imagePlace(_ query: Query) throws(Problem) -> Place {
        let namespace = Access.current.substitutes["namespace"] ?? query["namespace"]
        return Place(pool: try pathParameter("pool"), namespace: namespace ?? "")
    }

    /// A parameter of the path, decoded: the router passes it on as it was sent. If its name is out of scope, this
    /// returns the name that replaces it.
    /// - Throws: `Problem` with `invalid-parameter`.
    func pathParameter(_ name: String) throws(Problem) -> String {
        guard let raw = parameters.get(name), let value = PercentEncoding.decode(raw), !value.isEmpty else {
            throw Problem(
                .invalidParameter,
                detail: "\(name): this part of the path is not percent-encoded UTF-8",
                field: name
            )
        }
        guard !value.unicodeScalars.contains("\0") else {
            throw Problem(.invalidParameter, detail: "\(name): it contains a zero byte", field: name)
        }
        return Access.current.substitutes[name] ?? value
    }
}
