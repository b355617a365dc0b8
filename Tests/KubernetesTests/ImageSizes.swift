// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension TestCluster {
    /// The sizes of all images of a pool by their names, according to librbd.
    static func imageSizes(in pool: String) async throws -> [String: UInt64] {
        struct Listed: Decodable {
            var image: String
            var size: UInt64
        }
        let text = try await run("rbd", ["ls", "--long", "--format", "json", pool])
        let images = try JSONDecoder().decode([Listed].self, from: Data(text.utf8))
        return Dictionary(images.map { ($0.image, $0.size) }) { first, _ in
            Issue.record("\(first) exists twice")
            return first
        }
    }

    /// The id of an image, by Ceph's own tool.
    static func imageID(_ spec: String) async throws -> String {
        struct Info: Decodable {
            var id: String
        }
        let text = try await run("rbd", ["info", "--format", "json", spec])
        return try JSONDecoder().decode(Info.self, from: Data(text.utf8)).id
    }
}
