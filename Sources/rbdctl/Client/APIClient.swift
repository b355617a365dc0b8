// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

/// The calls of the API.
struct APIClient: Sendable {
    let transport: Transport

    /// The number of items that are requested per page; also the service's default.
    private static let pageSize = 1000
    /// The largest page that the service gives.
    private static let largestPage = 10_000

    func cluster() async throws -> ClusterStatus {
        try await transport.get(["v1", "cluster"])
    }

    func pools() async throws -> [Pool] {
        try await list(["v1", "pools"])
    }

    func pool(_ name: String) async throws -> Pool {
        try await transport.get(["v1", "pools", name])
    }

    func createPool(_ request: CreatePoolRequest, _ dryRun: DryRunOptions) async throws -> Change<RBDAPI.Operation> {
        try await change(.post, ["v1", "pools"], body: request, dryRun)
    }

    func updatePool(
        _ name: String,
        _ request: UpdatePoolRequest,
        _ dryRun: DryRunOptions
    ) async throws -> Change<Pool> {
        try await change(.patch, ["v1", "pools", name], body: request, dryRun)
    }

    func deletePool(_ name: String, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(["v1", "pools", name], query: [("confirm", dryRun.dryRun ? nil : name)], dryRun)
    }

    /// - Parameters:
    ///   - filter: the parameters that select and sort the images.
    ///   - fields: extra members that are not in the image's header, and take longer to read.
    func images(
        in place: Place,
        _ filter: Transport.Query = [],
        limit: Int? = nil,
        fields: String? = nil
    ) async throws -> [Image] {
        try await list(
            ["v1", "pools", place.pool, "images"],
            query: place.query + [("fields", fields?.nonEmpty)] + filter,
            limit: limit,
            // In any order other than that of the names, each page reads all images. One large page is then better than
            // ten.
            pageSize: fields?.nonEmpty == nil ? Self.largestPage : Self.pageSize
        )
    }

    func image(_ spec: ImageSpec, byID: Bool = false, fields: String? = nil) async throws -> Image {
        try await transport.get(byID ? spec.idPath : spec.path, query: spec.query + [("fields", fields?.nonEmpty)])
    }

    /// It is an error if an image of that name exists, unless `mayExist` is set and the image matches.
    func createImage(
        _ spec: ImageSpec,
        _ properties: ImageProperties,
        mayExist: Bool,
        _ dryRun: DryRunOptions? = nil
    ) async throws -> Change<Image> {
        if mayExist { return try await change(.put, spec.path, query: spec.query, body: properties, dryRun) }
        let body = CreateImageRequest(name: spec.image, properties: properties)
        return try await change(.post, ["v1", "pools", spec.pool, "images"], query: spec.query, body: body, dryRun)
    }

    func updateImage(
        _ spec: ImageSpec,
        _ changes: UpdateImageRequest,
        _ dryRun: DryRunOptions
    ) async throws -> Change<Image> {
        try await change(.patch, spec.path, query: spec.query, body: changes, dryRun)
    }

    /// - Parameter spec: has the image's id in place of its name.
    func renameImage(byID spec: ImageSpec, to name: String, _ dryRun: DryRunOptions) async throws -> Change<Image> {
        let body = RenameImageRequest(name: name)
        return try await change(.patch, spec.idPath, query: spec.query, body: body, dryRun)
    }

    /// Follows the pages until the last one, or until there are enough items.
    func list<Item: Codable & Sendable>(
        _ path: [String],
        query: Transport.Query = [],
        limit: Int? = nil,
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
            // A service that returns the same cursor again must not keep this loop running forever.
            guard page.nextCursor == nil || page.nextCursor != cursor else {
                throw Failure(.other, "\(transport.server) sent the same cursor twice: the list does not end")
            }
            cursor = page.nextCursor
        } while cursor != nil && items.count < limit ?? .max
        return limit.map { Array(items.prefix($0)) } ?? items
    }
}

extension ImageSpec {
    var path: [String] { ["v1", "pools", pool, "images", image] }
    /// The path that ends with the image's id.
    var idPath: [String] { ["v1", "pools", pool, "image-ids", image] }
    var query: Transport.Query { place.query }
}

extension Place {
    var query: Transport.Query { [("namespace", namespace.nonEmpty)] }
}

extension String {
    var nonEmpty: String? { isEmpty ? nil : self }
}

extension APIClient {
    func operations(pool: String?, state: RBDAPI.Operation.State?, limit: Int?) async throws -> [RBDAPI.Operation] {
        try await list(["v1", "operations"], query: [("pool", pool), ("state", state?.rawValue)], limit: limit)
    }

    /// - Parameter wait: the number of seconds that the service may wait for the operation to end before it answers.
    func operation(_ id: String, wait: Int? = nil) async throws -> RBDAPI.Operation {
        try await transport.get(["v1", "operations", id], query: [("wait", wait.map { "\($0)s" })])
    }

    func cancel(_ id: String, _ dryRun: DryRunOptions) async throws -> Change<RBDAPI.Operation> {
        try await change(.delete, ["v1", "operations", id], dryRun)
    }

    /// Begins work on an image.
    /// - Parameter action: the last parts of the path, such as `flatten`.
    func begin(
        _ action: [String],
        on spec: ImageSpec,
        query: Transport.Query = [],
        body: (any Encodable)? = nil,
        _ dryRun: DryRunOptions
    ) async throws -> Change<RBDAPI.Operation> {
        try await change(.post, spec.path + action, query: spec.query + query, body: body, dryRun)
    }
}
