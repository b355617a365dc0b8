// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// A request's object in Ceph's notation: `pool/namespace/image@snapshot`.
struct AuditObject {
    /// Empty if the path names nothing.
    let text: String
    /// Parameters of the path that are not in the text.
    let others: [String: String]

    /// - Parameters:
    ///   - path: with placeholders.
    ///   - names: the placeholders and what the request's path has in their places, in its order.
    ///   - namespace: of the query.
    ///   - name: of the body, if the request creates something.
    init(_ path: String, names: [(parameter: String, text: String)], namespace: String?, name: String?) {
        var (pool, place, item, snapshot) = (String?.none, namespace, String?.none, String?.none)
        var others: [String: String] = [:]
        for (parameter, text) in names {
            let value = PercentEncoding.decode(text) ?? text
            switch parameter {
            case "pool": pool = value
            case "namespace": place = value
            case "snapshot": snapshot = value
            case _ where item == nil: item = value
            default: others[parameter] = value
            }
        }
        if let name {
            switch path.split(separator: "/").last {
            case "pools": pool = name
            case "namespaces": place = name
            case "images", "groups": item = name
            case "snapshots": snapshot = name
            default: break
            }
        }
        let spec = [pool, place, item].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "/")
        text = snapshot.map { "\(spec)@\($0)" } ?? spec
        self.others = others
    }
}
