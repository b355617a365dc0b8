// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    /// - Parameters:
    ///   - byID: whether the spec has the image's id in place of its name.
    ///   - delay: how long the image can be restored; nil for the service's default.
    ///   - purge: whether to remove its data immediately.
    /// - Returns: the operation that removes the data; nil if the image is in the trash, or gone.
    func deleteImage(
        _ spec: ImageSpec,
        byID: Bool,
        delay: String?,
        purge: Bool
    ) async throws -> RBDAPI.Operation? {
        let query = spec.query + [("delay", delay), ("purge", purge ? "true" : nil)]
        let reply = try await transport.reply(.delete, byID ? spec.idPath : spec.path, query: query)
        if reply.status == 200 { _ = try reply.decoded(as: TrashedImage.self) }
        return reply.status == 202 ? try reply.decoded(as: RBDAPI.Operation.self) : nil
    }

    /// What the deletion would do, and what blocks it.
    func planToDelete(
        _ spec: ImageSpec,
        byID: Bool = false,
        delay: String? = nil,
        purge: Bool = false
    ) async throws -> Plan {
        let query = spec.query + [("delay", delay), ("purge", purge ? "true" : nil), ("dryRun", "true")]
        return try await transport.send(.delete, byID ? spec.idPath : spec.path, query: query)
    }

    func trash(of place: Place) async throws -> [TrashedImage] {
        try await list(place.trashPath, query: place.query)
    }

    /// - Parameter entry: an image's spec with its id in place of its name.
    func trashEntry(_ entry: ImageSpec) async throws -> TrashedImage {
        try await transport.get(entry.trashPath, query: entry.query)
    }

    func restore(_ entry: ImageSpec, as name: String?, _ dryRun: DryRunOptions) async throws -> Change<Image> {
        let body = RestoreImageRequest(name: name)
        return try await change(.post, entry.trashPath + ["restore"], query: entry.query, body: body, dryRun)
    }

    func purge(_ entry: ImageSpec, force: Bool, _ dryRun: DryRunOptions) async throws -> Change<RBDAPI.Operation> {
        try await change(.delete, entry.trashPath, query: entry.query + [("force", force ? "true" : nil)], dryRun)
    }

    func purgeExpired(in place: Place, _ dryRun: DryRunOptions) async throws -> Change<PurgeAnswer> {
        try await change(.delete, place.trashPath, query: place.query + [("expired", "true")], dryRun)
    }
}

extension ImageSpec {
    fileprivate var trashPath: [String] { place.trashPath + [image] }
}

extension Place {
    fileprivate var trashPath: [String] { ["v1", "pools", pool, "trash"] }
}
