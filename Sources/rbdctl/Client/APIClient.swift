// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

/// The API, call by call.
struct APIClient: Sendable {
    let transport: Transport

    /// What is asked for at once; the service's own default.
    private static let pageSize = 1000
    /// The most that the service gives at once.
    private static let largestPage = 10_000

    func cluster() async throws -> ClusterStatus {
        try await transport.get(["v1", "cluster"])
    }

    func pools() async throws -> [Pool] {
        try await list(["v1", "pools"], query: [], limit: nil)
    }

    func pool(_ name: String) async throws -> Pool {
        try await transport.get(["v1", "pools", name])
    }

    func createPool(_ request: CreatePoolRequest, _ dryRun: DryRunOptions) async throws -> Change<RBDAPI.Operation> {
        try await change(.post, ["v1", "pools"], query: [], body: request, dryRun)
    }

    func updatePool(
        _ name: String,
        _ request: UpdatePoolRequest,
        _ dryRun: DryRunOptions
    ) async throws -> Change<Pool> {
        try await change(.patch, ["v1", "pools", name], query: [], body: request, dryRun)
    }

    func deletePool(_ name: String, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(["v1", "pools", name], query: [("confirm", dryRun.dryRun ? nil : name)], dryRun)
    }

    /// - Parameters:
    ///   - filter: which images, and in which order.
    ///   - fields: what to find out beside what is in the header, which takes longer.
    func images(
        in folder: ImageFolder,
        _ filter: Transport.Query = [],
        limit: Int? = nil,
        fields: String? = nil
    ) async throws -> [Image] {
        try await list(
            ["v1", "pools", folder.pool, "images"],
            query: [("namespace", folder.namespace.nonEmpty), ("fields", fields?.nonEmpty)] + filter,
            limit: limit,
            // In another order than that of the names each page looks at all images: then one is better than ten.
            pageSize: fields?.nonEmpty == nil ? Self.largestPage : Self.pageSize
        )
    }

    func image(_ spec: ImageSpec, byID: Bool = false, fields: String? = nil) async throws -> Image {
        try await transport.get(byID ? spec.idPath : spec.path, query: spec.query + [("fields", fields?.nonEmpty)])
    }

    /// An image of that name is an error.
    func createImage(_ spec: ImageSpec, _ properties: ImageProperties) async throws -> Image {
        try await transport.send(
            .post,
            ["v1", "pools", spec.pool, "images"],
            query: spec.query,
            body: CreateImageRequest(name: spec.image, properties: properties)
        )
    }

    /// An image of that name that is exactly so is fine.
    func ensureImage(_ spec: ImageSpec, _ properties: ImageProperties) async throws -> Image {
        try await transport.send(.put, spec.path, query: spec.query, body: properties)
    }

    /// Follows the pages until the last one or until there are enough items.
    func list<Item: Codable & Sendable>(
        _ path: [String],
        query: [(name: String, value: String?)],
        limit: Int?,
        pageSize: Int = pageSize
    ) async throws -> [Item] {
        var items: [Item] = []
        var cursor: String?
        repeat {
            let wanted = min(limit.map { $0 - items.count } ?? pageSize, pageSize)
            let page: Page<Item> = try await transport.get(
                path,
                query: query + [("limit", String(wanted)), ("cursor", cursor)]
            )
            items += page.items
            // A service that leads in circles must not keep us for ever.
            guard page.nextCursor == nil || page.nextCursor != cursor else {
                throw Failure(.other, "\(transport.server) repeats itself: the list does not end")
            }
            cursor = page.nextCursor
        } while cursor != nil && items.count < limit ?? .max
        return limit.map { Array(items.prefix($0)) } ?? items
    }
}

extension ImageSpec {
    var path: [String] { ["v1", "pools", pool, "images", image] }
    /// Where the last part is the image's id.
    var idPath: [String] { ["v1", "pools", pool, "image-ids", image] }
    var query: [(name: String, value: String?)] { [("namespace", namespace.nonEmpty)] }
}

extension String {
    var nonEmpty: String? { isEmpty ? nil : self }
}
