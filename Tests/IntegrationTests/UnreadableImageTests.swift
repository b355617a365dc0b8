// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Images that can't be read completely. A list shows them with the reason, and shows all others as usual.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct UnreadableImageTests {
    /// Ways in which an image's objects can be damaged.
    enum Damage: String, CaseIterable {
        /// Only the name in the directory exists.
        case noHeader
        /// A field of the header has another length than its type has.
        case brokenSize
        /// The header is an object without any fields.
        case emptyHeader

        func apply(to id: String, in pool: String) async throws {
            let header = "rbd_header.\(id)"
            switch self {
            case .noHeader: try await TestCluster.run("rados", ["--pool", pool, "rm", header])
            case .brokenSize: try await TestCluster.setValue(Data([1, 2]), of: "size", in: header, pool: pool)
            case .emptyHeader: try await TestCluster.run("rados", ["--pool", pool, "clearomap", header])
            }
        }

        var state: String { self == .noHeader ? "incomplete" : "unreadable" }
        var code: ProblemCode { self == .noHeader ? .imageIncomplete : .imageUnreadable }
    }

    private func withDamaged(
        _ body: @escaping @Sendable (_ server: TestServer, _ pool: String, _ images: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                for name in ["a-whole", "m-whole", "z-whole"] {
                    #expect(try await server.put("\(images)/\(name)", #"{"size":"1MiB"}"#).status == 201)
                }
                for damage in Damage.allCases {
                    let answer = try await server.put("\(images)/\(damage.rawValue)", #"{"size":"1MiB"}"#)
                    let id = try answer.decoded(as: RBDAPI.Image.self).id
                    try await damage.apply(to: id, in: pool)
                }
                try await body(server, pool, images)
            }
        }
    }

    private static let names = (Damage.allCases.map(\.rawValue) + ["a-whole", "m-whole", "z-whole"]).sorted()

    private func check(_ list: [RBDAPI.Image]) {
        #expect(list.map(\.name) == Self.names)
        for image in list {
            let damage = Damage(rawValue: image.name)
            #expect(image.state == damage?.state ?? "ready", "\(image.name)")
            #expect(image.problem?.code == damage?.code.rawValue, "\(image.name)")
            #expect((image.sizeBytes == nil) == (damage != nil), "\(image.name)")
            #expect(!image.id.isEmpty)
        }
    }

    @Test func listsTellThemAndAllOthers() async throws {
        try await withDamaged { server, pool, images in
            check(try await server.get(images).decoded(as: Page<RBDAPI.Image>.self).items)
            let stream = try await server.send("GET", images, headers: ["Accept": "application/x-ndjson"])
            #expect(stream.status == 200)
            check(
                try stream.text.split(separator: "\n").map {
                    try JSONDecoder().decode(RBDAPI.Image.self, from: Data($0.utf8))
                }
            )
            // They are listed in every order and on every page. The size of an unreadable image is unknown, so it
            // matches no size.
            for order in ["name", "size", "created"] {
                for query in ["sort=\(order)", "sort=\(order)&order=desc"] {
                    for limit in [1, 2, 3, 7] {
                        var (found, cursor) = ([String](), "")
                        repeat {
                            let page = try await server.get("\(images)?\(query)&limit=\(limit)\(cursor)")
                                .decoded(as: Page<RBDAPI.Image>.self)
                            found += page.items.map(\.name)
                            cursor = page.nextCursor.map { "&cursor=\($0)" } ?? ""
                        } while !cursor.isEmpty && found.count <= Self.names.count
                        #expect(found.sorted() == Self.names, "\(query) \(limit)")
                    }
                }
            }
            for query in ["minSize=0", "feature=layering"] {
                let chosen = try await server.get("\(images)?\(query)").decoded(as: Page<RBDAPI.Image>.self).items
                #expect(chosen.map(\.name) == ["a-whole", "m-whole", "z-whole"], "\(query)")
            }
            let details = try await server.get(
                "\(images)?fields=usage,watchers,children,mirroring,migration,encryption"
            )
            #expect(details.status == 200, "\(details.text)")
            check(try details.decoded(as: Page<RBDAPI.Image>.self).items)
        }
    }

    @Test func peopleSeeThemInTheTable() async throws {
        try await withDamaged { server, pool, _ in

            let result = try await Subprocess.run(
                Subprocess.built("rbdctl"),
                ["--server", server.url, "image", "list", pool]
            )
            #expect(result.status == 0, "\(result.standardError)")
            for name in Self.names { #expect(result.standardOutput.contains(name)) }
            for damage in Damage.allCases { #expect(result.standardError.contains(damage.rawValue)) }
        }
    }

    /// A single unreadable image is requested. It exists, so the answer is not 404, but it must not look like an image
    /// that works.
    @Test func theyAreNeitherMissingNorWhole() async throws {
        try await withDamaged { server, pool, images in
            for damage in Damage.allCases {
                let path = "\(images)/\(damage.rawValue)"
                let answers = [
                    ("GET", try await server.get(path)), ("PUT", try await server.put(path, #"{"size":"1MiB"}"#)),
                    ("PATCH", try await server.patch(path, #"{"size":"2MiB"}"#)),
                    ("snapshot", try await server.post("\(path)/snapshots", #"{"name":"s"}"#)),
                ]
                for (request, answer) in answers {
                    #expect(answer.status == 409, "\(damage) \(request): \(answer.text)")
                    #expect(try answer.problem.code == damage.code.rawValue, "\(damage) \(request) \(answer.text)")
                    #expect(try answer.problem.hint?.isEmpty == false, "\(damage) \(request)")
                }
                // Nothing is removed that is not known to be the remains of a create.
                let removal = try await server.delete(path)
                #expect(removal.status == 409, "\(damage): \(removal.text)")
                let dry = try await server.delete("\(path)?dryRun=true")
                #expect(dry.status == removal.status, "\(damage): \(dry.text)")
            }
            check(try await server.get(images).decoded(as: Page<RBDAPI.Image>.self).items)
        }
    }
}
