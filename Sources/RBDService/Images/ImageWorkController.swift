// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// Long-running work on an image: flatten, copy, sparsify, rebuild its object map. Each responds with an operation.
struct ImageWorkController: Sendable {
    let service: ImageWorkService
    let maximumBodyBytes: Int

    var routes: [Route] {
        [
            .post("/v1/pools/{pool}/images/{image}/flatten", .image(.modify), flatten),
            .post("/v1/pools/{pool}/images/{image}/copy", .copiedImage, copy),
            .post("/v1/pools/{pool}/images/{image}/sparsify", .image(.modify), sparsify),
            .post("/v1/pools/{pool}/images/{image}/rebuild-object-map", .image(.modify), rebuildObjectMap),
        ]
    }

    @Sendable private func flatten(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        try await begin(request, context) { image, _ in try await service.flatten(image) }
    }

    @Sendable private func sparsify(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        try await begin(request, context, known: ["blockSize"]) { image, query in
            try service.sparsify(image, blockSize: query["blockSize"])
        }
    }

    @Sendable private func rebuildObjectMap(
        _ request: Request,
        _ context: ServiceRequestContext
    ) async throws -> Response {
        try await begin(request, context) { image, _ in try service.rebuildObjectMap(image) }
    }

    @Sendable private func copy(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let body = try await request.json(CopyImageRequest.self, limit: maximumBodyBytes)
        return try await begin(request, context) { image, _ in
            let target = service.target(of: body, in: image.place)
            try Access.current.requireCreation(of: body.name, in: target)
            return try await service.copy(image, body)
        }
    }

    /// - Parameter prepare: checks the request, and returns the work to do.
    private func begin(
        _ request: Request,
        _ context: ServiceRequestContext,
        known: Set<String> = [],
        _ prepare: (ImageWorkService.Subject, Query) async throws -> ImageWorkService.Work
    ) async throws -> Response {
        let query = try Query(request, known: known.union(["namespace", "wait", "dryRun"]))
        let place = try context.imagePlace(query)
        let (wait, isDryRun) = (try query.duration("wait"), try query.flag("dryRun"))
        let subject = try await service.subject(try context.pathParameter("image"), in: place)
        let work = try await prepare(subject, query)
        return try await service.answer(work, on: subject, isDryRun: isDryRun, wait: wait)
    }
}

extension ImageWorkService {
    /// The plan of a dry run, or the operation that was begun. The operation has ended already if the caller waited
    /// long enough.
    func answer(_ work: Work, on subject: Subject, isDryRun: Bool, wait: Duration?) async throws -> Response {
        if isDryRun { return .json(work.plan) }
        let operation = try await begin(work, on: subject)
        return try await operations.answer(operation, wait: wait) { .json($0) }
    }
}
