// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    /// The result of deleting an image.
    enum Deletion: Sendable {
        case trashed(TrashedImage)
        case purging(RBDAPI.Operation)
        case gone
    }

    /// - Parameters:
    ///   - byID: whether the spec has the image's id in place of its name.
    ///   - delay: how long the image can be restored; nil for the service's default.
    ///   - purge: whether to remove its data immediately.
    func deleteImage(_ spec: ImageSpec, byID: Bool, delay: String?, purge: Bool) async throws -> Deletion {
        let query = spec.query + [("delay", delay), ("purge", purge ? "true" : nil)]
        let reply = try await transport.reply(.delete, byID ? spec.idPath : spec.path, query: query)
        return switch reply.status {
        case 200: .trashed(try reply.decoded())
        case 202: .purging(try reply.decoded())
        default: .gone
        }
    }

    /// What the deletion would do, and what blocks it.
    func planToDelete(
        _ spec: ImageSpec,
        byID: Bool = false,
        delay: String? = nil,
        purge: Bool = false
    ) async throws -> Plan {
        let query = spec.query + [("delay", delay), ("purge", purge ? "true" : nil), ("dryRun", "true")]
        return try await transport.reply(.delete, byID ? spec.idPath : spec.path, query: query).decoded()
    }

    func trash(of folder: ImageFolder) async throws -> [TrashedImage] {
        try await list(folder.trashPath, query: folder.query, limit: nil)
    }

    /// - Parameter entry: an image's spec with its id in place of its name.
    func trashEntry(_ entry: ImageSpec) async throws -> TrashedImage {
        try await transport.get(entry.trashPath, query: entry.query)
    }

    func restore(_ entry: ImageSpec, as name: String?) async throws -> Image {
        try await transport.send(
            .post,
            entry.trashPath + ["restore"],
            query: entry.query,
            body: RestoreImageRequest(name: name)
        )
    }

    func planToRestore(_ entry: ImageSpec, as name: String?) async throws -> Plan {
        try await transport.send(
            .post,
            entry.trashPath + ["restore"],
            query: entry.query + [("dryRun", "true")],
            body: RestoreImageRequest(name: name)
        )
    }

    func purge(_ entry: ImageSpec, force: Bool) async throws -> RBDAPI.Operation {
        let query = entry.query + [("force", force ? "true" : nil)]
        return try await transport.reply(.delete, entry.trashPath, query: query).decoded()
    }

    func planToPurge(_ entry: ImageSpec, force: Bool) async throws -> Plan {
        let query = entry.query + [("force", force ? "true" : nil), ("dryRun", "true")]
        return try await transport.reply(.delete, entry.trashPath, query: query).decoded()
    }

    func purgeExpired(in folder: ImageFolder) async throws -> [RBDAPI.Operation] {
        let query = folder.query + [("expired", "true")]
        let answer: PurgeAnswer = try await transport.reply(.delete, folder.trashPath, query: query).decoded()
        return answer.operations
    }

    func planToPurgeExpired(in folder: ImageFolder) async throws -> Plan {
        let query = folder.query + [("expired", "true"), ("dryRun", "true")]
        return try await transport.reply(.delete, folder.trashPath, query: query).decoded()
    }
}

extension ImageSpec {
    fileprivate var trashPath: [String] { ["v1", "pools", pool, "trash", image] }
}

extension ImageFolder {
    fileprivate var trashPath: [String] { ["v1", "pools", pool, "trash"] }
    fileprivate var query: [(name: String, value: String?)] { [("namespace", namespace.nonEmpty)] }
}
