// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

/// `/v1/pools/{pool}/images/{image}/locks` and `/watchers`: decode, call, encode.
struct ImageClientController: Sendable {
    let service: ImageClientService

    private static let image = "/v1/pools/{pool}/images/{image}"

    var routes: [Route] {
        [
            .get("\(Self.image)/locks", .image(.read), locks),
            .delete("\(Self.image)/locks/{client}", .image(.admin), breakLock),
            .get("\(Self.image)/watchers", .image(.read), watchers),
            .delete("\(Self.image)/watchers/{client}", .image(.admin), evict),
        ]
    }

    @Sendable private func locks(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace"])
        return .json(try await service.locks(of: try context.image(query)))
    }

    @Sendable private func watchers(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace"])
        return .json(try await service.watchers(of: try context.image(query)))
    }

    @Sendable private func breakLock(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "cookie", "confirm", "dryRun"])
        return answer(
            try await service.breakLock(
                of: try context.image(query),
                heldBy: try context.pathParameter("client"),
                cookie: query["cookie"],
                confirmation: query["confirm"],
                dryRun: try query.flag("dryRun")
            )
        )
    }

    @Sendable private func evict(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "confirm", "dryRun"])
        return answer(
            try await service.evict(
                try context.pathParameter("client"),
                from: try context.image(query),
                confirmation: query["confirm"],
                dryRun: try query.flag("dryRun")
            )
        )
    }

    private func answer(_ attempt: Attempt<Void>) -> Response {
        switch attempt {
        case .done: .noContent
        case .planned(let plan): .json(plan)
        }
    }
}

extension ServiceRequestContext {
    /// The image of the path, in the namespace of the query.
    /// - Throws: `Problem` with `invalid-parameter`.
    fileprivate func image(_ query: Query) throws(Problem) -> ImageSpec {
        let place = try imagePlace(query)
        return place.image(try pathParameter("image"))
    }
}
