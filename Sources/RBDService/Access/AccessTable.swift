// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

extension Route {
    /// Nil if the table has no rule: then no caller may use the route.
    var rule: AccessRule? { Self.rule(of: method, path) }

    /// - Parameter path: with placeholders.
    static func rule(of method: HTTPRequest.Method, _ path: String) -> AccessRule? {
        rules["\(method == .head ? .get : method) \(path)"]
    }

    /// The rule of each route.
    static let rules: [String: AccessRule] = [
        "GET /livez": .everybody,
        "GET /readyz": .everybody,
        "GET /openapi.yaml": .everybody,
        "GET /metrics": .cluster(.read),
        "GET /v1/cluster": .cluster(.read),

        "GET /v1/pools": .pools(.read),
        "POST /v1/pools": .pools(.admin),
        "GET /v1/pools/{pool}": .pool(.read),
        "PATCH /v1/pools/{pool}": .pool(.admin),
        "DELETE /v1/pools/{pool}": .pool(.admin),

        "GET /v1/pools/{pool}/namespaces": .namespaces(.read),
        "POST /v1/pools/{pool}/namespaces": .namespaces(.admin),
        "GET /v1/pools/{pool}/namespaces/{namespace}": .namespace(.read),
        "DELETE /v1/pools/{pool}/namespaces/{namespace}": .namespace(.admin),

        "GET /v1/pools/{pool}/images": .place(.read),
        "POST /v1/pools/{pool}/images": .place(.create),
        "GET /v1/pools/{pool}/images/{image}": .image(.read),
        "PUT /v1/pools/{pool}/images/{image}": .newImage,
        "PATCH /v1/pools/{pool}/images/{image}": .image(.modify),
        "DELETE /v1/pools/{pool}/images/{image}": .image(.delete),

        "GET /v1/pools/{pool}/image-ids/{id}": .place(.read),
        "PATCH /v1/pools/{pool}/image-ids/{id}": .place(.modify),
        "DELETE /v1/pools/{pool}/image-ids/{id}": .place(.delete),

        "POST /v1/pools/{pool}/images/{image}/flatten": .image(.modify),
        "POST /v1/pools/{pool}/images/{image}/copy": .copiedImage,
        "POST /v1/pools/{pool}/images/{image}/sparsify": .image(.modify),
        "POST /v1/pools/{pool}/images/{image}/rebuild-object-map": .image(.modify),

        "GET /v1/pools/{pool}/images/{image}/locks": .image(.read),
        "DELETE /v1/pools/{pool}/images/{image}/locks/{client}": .image(.admin),
        "GET /v1/pools/{pool}/images/{image}/watchers": .image(.read),
        "DELETE /v1/pools/{pool}/images/{image}/watchers/{client}": .image(.admin),

        "GET /v1/pools/{pool}/images/{image}/snapshots": .image(.read),
        "POST /v1/pools/{pool}/images/{image}/snapshots": .image(.modify),
        "GET /v1/pools/{pool}/images/{image}/snapshots/{snapshot}": .image(.read),
        "PATCH /v1/pools/{pool}/images/{image}/snapshots/{snapshot}": .image(.modify),
        "DELETE /v1/pools/{pool}/images/{image}/snapshots/{snapshot}": .image(.delete),
        "POST /v1/pools/{pool}/images/{image}/snapshots/{snapshot}/rollback": .image(.modify),
        "GET /v1/pools/{pool}/images/{image}/snapshot-limit": .image(.read),
        "PUT /v1/pools/{pool}/images/{image}/snapshot-limit": .image(.modify),
        "GET /v1/pools/{pool}/images/{image}/children": .image(.read),
        "GET /v1/pools/{pool}/images/{image}/ancestors": .image(.read),

        "GET /v1/pools/{pool}/trash": .place(.read),
        "DELETE /v1/pools/{pool}/trash": .place(.purge),
        "GET /v1/pools/{pool}/trash/{id}": .place(.read),
        "DELETE /v1/pools/{pool}/trash/{id}": .place(.purge),
        "POST /v1/pools/{pool}/trash/{id}/restore": .place(.create),

        "GET /v1/pools/{pool}/groups": .place(.read),
        "POST /v1/pools/{pool}/groups": .place(.create),
        "GET /v1/pools/{pool}/groups/{group}": .group(.read),
        "PATCH /v1/pools/{pool}/groups/{group}": .group(.modify),
        "DELETE /v1/pools/{pool}/groups/{group}": .group(.delete),
        "GET /v1/pools/{pool}/groups/{group}/images": .group(.read),
        "PUT /v1/pools/{pool}/groups/{group}/images/{image}": .member(.modify),
        "DELETE /v1/pools/{pool}/groups/{group}/images/{image}": .member(.modify),
        "GET /v1/pools/{pool}/groups/{group}/snapshots": .group(.read),
        "POST /v1/pools/{pool}/groups/{group}/snapshots": .group(.modify),
        "GET /v1/pools/{pool}/groups/{group}/snapshots/{snapshot}": .group(.read),
        "DELETE /v1/pools/{pool}/groups/{group}/snapshots/{snapshot}": .group(.delete),
        "POST /v1/pools/{pool}/groups/{group}/snapshots/{snapshot}/rollback": .group(.modify),

        "POST /kubernetes/v1/persistentvolumes": .volume,

        "GET /v1/operations": .operation(.read),
        "GET /v1/operations/{operation}": .operation(.read),
        "DELETE /v1/operations/{operation}": .operation(.modify),
        "GET /v1/operations/{operation}/events": .operation(.read),
    ]
}
