// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Naming
import RBDAPI
import TestSupport

/// A request in the middle of which a replica is killed or stopped.
enum OwnInterruption: String, CaseIterable, Sendable {
    case create, delete, deleteForGood, restore, rename, grow, clone, flatten, copy, rollBack
    case createSnapshot, deleteSnapshot, addToGroup, removeFromGroup, snapshotGroup

    /// Whether the image's data may be gone afterwards.
    var destroys: Bool { self == .deleteForGood }

    /// Prepares what the request needs.
    /// - Returns: the image's id; nil if there is no image yet.
    func prepare(_ image: InterruptedImage, _ server: TestServer) async throws -> String? {
        let group = "\(image.pool)/\(image.name)-group"
        switch self {
        case .create: return nil
        case .delete, .deleteForGood, .rename, .grow, .createSnapshot, .copy: return try await image.make()
        case .restore:
            let id = try await image.make()
            try await Self.expect(try await server.delete(image.path), 200)
            return id
        case .clone:
            try await image.makeParent()
            return nil
        case .flatten:
            try await image.makeParent()
            try await TestCluster.run(
                "rbd",
                ["clone", "--rbd-default-clone-format", "2", "\(image.spec)-parent@s", image.spec]
            )
            return nil
        case .deleteSnapshot, .rollBack:
            let id = try await image.make()
            try await TestCluster.run("rbd", ["snap", "create", "\(image.spec)@s"])
            return id
        case .addToGroup, .removeFromGroup, .snapshotGroup:
            let id = try await image.make()
            try await TestCluster.run("rbd", ["group", "create", group])
            if self != .addToGroup { try await TestCluster.run("rbd", ["group", "image", "add", group, image.spec]) }
            return id
        }
    }

    /// - Parameter id: the image's.
    func request(_ image: InterruptedImage, id: String?, _ server: TestServer) async throws -> TestServer.Answer {
        let (pool, path) = ("/v1/pools/\(image.pool)", image.path)
        let group = "\(pool)/groups/\(image.name)-group"
        return switch self {
        case .create: try await server.put(path, #"{"size":"5MiB"}"#)
        case .delete: try await server.delete(path)
        case .deleteForGood: try await server.delete("\(path)?purge=true&wait=60s")
        case .restore: try await server.post("\(pool)/trash/\(id ?? "")/restore", "{}")
        case .rename: try await server.patch(path, #"{"name":"\#(image.name)-renamed"}"#)
        case .grow: try await server.patch(path, #"{"size":"9MiB"}"#)
        case .clone:
            try await server.post(
                "\(pool)/images",
                #"{"name":"\#(image.name)","source":{"image":"\#(image.name)-parent","snapshot":"s"}}"#
            )
        case .flatten: try await server.post("\(path)/flatten?wait=60s", "{}")
        case .copy: try await server.post("\(path)/copy?wait=60s", #"{"name":"\#(image.name)-copy"}"#)
        case .rollBack: try await server.post("\(path)/snapshots/s/rollback?confirm=s&wait=60s", "{}")
        case .createSnapshot: try await server.post("\(path)/snapshots", #"{"name":"s"}"#)
        case .deleteSnapshot: try await server.delete("\(path)/snapshots/s")
        case .addToGroup: try await server.put("\(group)/images/\(image.name)", "")
        case .removeFromGroup: try await server.delete("\(group)/images/\(image.name)")
        case .snapshotGroup: try await server.post("\(group)/snapshots", #"{"name":"gs"}"#)
        }
    }

    /// The accepted answers to the repeated request: that it is done, now or by the interrupted one. Codes, or statuses
    /// if there is no problem.
    var outcomes: Set<String> {
        switch self {
        case .create: ["200", "201"]
        case .delete: ["200", "image-not-found"]
        case .deleteForGood: ["204", "image-not-found"]
        case .restore: ["200", "trash-entry-not-found"]
        case .rename: ["200", "image-not-found"]
        case .grow, .rollBack: ["200"]
        case .clone: ["201", "image-exists"]
        case .flatten: ["200", "image-has-no-parent"]
        case .copy: ["200", "201", "image-exists"]
        case .createSnapshot: ["201", "snapshot-exists"]
        case .deleteSnapshot: ["204", "snapshot-not-found"]
        case .addToGroup: ["200", "201", "204"]
        case .removeFromGroup: ["204", "image-not-in-group"]
        case .snapshotGroup: ["201", "group-snapshot-exists"]
        }
    }

    /// The image's place afterwards.
    func image(_ image: InterruptedImage) -> InterruptedImage {
        self == .rename ? InterruptedImage(pool: image.pool, name: "\(image.name)-renamed") : image
    }

    private static func expect(_ answer: TestServer.Answer, _ status: Int) async throws {
        guard answer.status == status else { throw TestCluster.Failure(description: answer.text) }
    }
}
