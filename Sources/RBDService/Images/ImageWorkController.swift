// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// Long-running work on an image: flatten, copy, sparsify, rebuild its object map. Each responds with an operation.
struct ImageWorkController: Sendable {
    let service: ImageWorkService

    private static let image = "/v1/pools/{pool}/images/{image}"

    var endpoints: [Endpoint] {
        [
            Endpoint(.post, "\(Self.image)/flatten", .image(.modify), query: ["wait"], flatten),
            Endpoint(.post, "\(Self.image)/copy", .copiedImage, query: ["wait"], body: CopyImageRequest.self, copy),
            Endpoint(.post, "\(Self.image)/sparsify", .image(.modify), query: ["blockSize", "wait"], sparsify),
            Endpoint(.post, "\(Self.image)/rebuild-object-map", .image(.modify), query: ["wait"], rebuildObjectMap),
        ]
    }

    @Sendable private func flatten(_ call: Call) async throws -> Answer {
        try await begin(call) { image in try await service.flatten(image) }
    }

    @Sendable private func sparsify(_ call: Call) async throws -> Answer {
        try await begin(call) { image in try service.sparsify(image, blockSize: call.query["blockSize"]) }
    }

    @Sendable private func rebuildObjectMap(_ call: Call) async throws -> Answer {
        try await begin(call) { image in try service.rebuildObjectMap(image) }
    }

    @Sendable private func copy(_ call: Call, _ body: CopyImageRequest) async throws -> Answer {
        try await begin(call) { image in
            let target = service.target(of: body, in: image.place)
            try Access.current.requireCreation(of: body.name, in: target)
            return try await service.copy(image, body)
        }
    }

    /// - Parameter prepare: checks the request, and returns the work to do.
    private func begin(
        _ call: Call,
        _ prepare: (ImageWorkService.Subject) async throws -> ImageWorkService.Work
    ) async throws -> Answer {
        let subject = try await service.subject(call.name("image"), in: call.place)
        let work = try await prepare(subject)
        return try await service.answer(work, on: subject, to: call)
    }
}

extension ImageWorkService {
    /// The plan of a dry run, or the operation that was begun. The operation has ended already if the caller waited
    /// long enough.
    func answer(_ work: Work, on subject: Subject, to call: Call) async throws -> Answer {
        let outcome = try await begin(work, on: subject, isDryRun: call.isDryRun)
        return try await operations.answer(outcome, wait: call.wait) { .json($0) }
    }
}
