// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A sequence of librbd in the middle of which another program is killed.
enum Interruption: String, CaseIterable, Sendable {
    case create, moveToTrash, restore, rename, remove, removeFromTrash, clone, flatten, resize
    case createSnapshot, removeSnapshot, addToGroup, removeFromGroup

    /// Whether the sequence removes the image's data.
    var destroys: Bool { self == .remove || self == .removeFromTrash }

    /// Prepares what the sequence needs: the image, with data, and the other objects of the change.
    /// - Returns: the image's id; nil if there is no image yet.
    func prepare(_ image: InterruptedImage) async throws -> String? {
        let spec = image.spec
        switch self {
        case .create: return nil
        case .moveToTrash, .rename, .remove, .resize, .createSnapshot: return try await image.make()
        case .restore, .removeFromTrash:
            let id = try await image.make()
            try await TestCluster.run("rbd", ["trash", "mv", spec])
            return id
        case .clone:
            try await image.makeParent()
            return nil
        case .flatten:
            try await image.makeParent()
            try await TestCluster.run("rbd", ["clone", "--rbd-default-clone-format", "2", "\(spec)-parent@s", spec])
            return try await image.id()
        case .removeSnapshot:
            let id = try await image.make()
            try await TestCluster.run("rbd", ["snap", "create", "\(spec)@s"])
            return id
        case .addToGroup, .removeFromGroup:
            let id = try await image.make()
            try await TestCluster.run("rbd", ["group", "create", "\(spec)-group"])
            if self == .removeFromGroup {
                try await TestCluster.run("rbd", ["group", "image", "add", "\(spec)-group", spec])
            }
            return id
        }
    }

    /// The arguments for `rbd`.
    /// - Parameter id: the image's.
    func command(_ spec: String, pool: String, id: String?) -> [String] {
        switch self {
        case .create: ["create", "--no-progress", "--size", "5M", spec]
        case .moveToTrash: ["trash", "mv", spec]
        case .restore: ["trash", "restore", "\(pool)/\(id ?? "")"]
        case .rename: ["rename", spec, "\(spec)-renamed"]
        case .remove: ["rm", "--no-progress", spec]
        case .removeFromTrash: ["trash", "rm", "--no-progress", "\(pool)/\(id ?? "")"]
        case .clone: ["clone", "--rbd-default-clone-format", "2", "\(spec)-parent@s", spec]
        case .flatten: ["flatten", "--no-progress", spec]
        case .resize: ["resize", "--no-progress", "--size", "9M", spec]
        case .createSnapshot: ["snap", "create", "\(spec)@s"]
        case .removeSnapshot: ["snap", "rm", "--no-progress", "\(spec)@s"]
        case .addToGroup: ["group", "image", "add", "\(spec)-group", spec]
        case .removeFromGroup: ["group", "image", "rm", "\(spec)-group", spec]
        }
    }
}

/// The image that the sequence changes.
struct InterruptedImage: Sendable {
    let pool: String
    let name: String

    var spec: String { "\(pool)/\(name)" }
    var path: String { "/v1/pools/\(pool)/images/\(name)" }

    private static let content: URL = {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).content")
        try? Data(repeating: 0x5A, count: 5 << 20).write(to: file)
        return file
    }()

    /// Creates the image with two objects of data.
    /// - Returns: the image's id.
    func make() async throws -> String {
        try await TestCluster.run("rbd", ["import", "--no-progress", Self.content.path, spec])
        return try await id()
    }

    func makeParent() async throws {
        _ = try await InterruptedImage(pool: pool, name: "\(name)-parent").make()
        try await TestCluster.run("rbd", ["snap", "create", "\(spec)-parent@s"])
    }

    func id() async throws -> String {
        String(decoding: try await TestCluster.data(of: "rbd_id.\(name)", pool: pool).dropFirst(4), as: UTF8.self)
    }
}
