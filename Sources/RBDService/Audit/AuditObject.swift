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
    ///   - namespace: of the query.
    ///   - name: of the body, if the request creates something.
    init(path: String, route: String, namespace: String?, name: String?) {
        var (pool, place, item, snapshot) = (String?.none, namespace, String?.none, String?.none)
        var others: [String: String] = [:]
        let template = route.split(separator: "/")
        for (component, raw) in zip(template, path.split(separator: "/")) where component.hasPrefix("{") {
            let value = PercentEncoding.decode(raw) ?? String(raw)
            switch component {
            case "{pool}": pool = value
            case "{namespace}": place = value
            case "{snapshot}": snapshot = value
            case _ where item == nil: item = value
            default: others[String(component.dropFirst().dropLast())] = value
            }
        }
        if let name {
            switch template.last {
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
