// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Every endpoint, over a real socket, on a real cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct HTTPTests {
    private func withPool(
        _ body: @escaping @Sendable (_ server: TestServer, _ images: String, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in try await body(server, "/v1/pools/\(pool)/images", pool) }
        }
    }

    private func count(_ server: TestServer, _ images: String) async throws -> Int {
        try await server.get(images).decoded(as: Page<Image>.self).items.count
    }

    @Test func cluster() async throws {
        try await TestServer.withCluster { server in
            let status = try await server.get("/v1/cluster").decoded(as: ClusterStatus.self)
            #expect(try await TestCluster.run("ceph", ["fsid"]).contains(status.fsid))
            #expect(status.capacity.totalBytes > 0)
            #expect(["aes", "aes256k"].contains(status.keyType))
            #expect(try await server.get("/livez").status == 200)
            #expect(try await server.get("/readyz").decoded(as: Probe.self).status == "ok")
        }
    }

    @Test func theLifeOfAnImage() async throws {
        try await withPool { server, images, pool in
            let body = #"{"name":"vol-1","size":"10GiB","features":["layering","exclusive-lock"],"objectSize":"1MiB"}"#
            let created = try await server.post(images, body)
            #expect(created.status == 201, "\(created.text)")
            #expect(created.headers["location"] == "\(images)/vol-1")
            let image: Image = try created.decoded()
            #expect(image.spec == "\(pool)/vol-1")
            #expect(image.sizeBytes == 10 << 30)
            #expect(image.objectSizeBytes == 1 << 20)
            #expect(image.features == ["layering", "exclusive-lock"])
            #expect(try await server.get("\(images)/vol-1").decoded(as: Image.self) == image)
            #expect(try await server.send("HEAD", "\(images)/vol-1").status == 200)
            let exists = try await server.post(images, body)
            #expect(exists.status == 409)
            #expect(try exists.problem.code == "image-exists")
            #expect(try await server.delete("\(images)/vol-1").status == 200)
            #expect(try await server.delete("\(images)/vol-1").problem.code == "image-not-found")
            #expect(try await server.get("\(images)/vol-1").problem.code == "image-not-found")
            #expect(try await count(server, images) == 0)
        }
    }

    @Test func putSaysWhatDiffers() async throws {
        try await withPool { server, images, _ in
            let created = try await server.put("\(images)/vol-1", #"{"size":"1GiB","features":["layering"]}"#)
            #expect(created.status == 201, "\(created.text)")
            #expect(created.headers["location"] == "\(images)/vol-1")
            let same = try await server.put("\(images)/vol-1", #"{"size":1073741824,"features":["layering"]}"#)
            #expect(same.status == 200)
            #expect(same.body == created.body)
            #expect(try await server.put("\(images)/vol-1", #"{"size":"1GiB"}"#).status == 200)
            let differs = try await server.put(
                "\(images)/vol-1",
                #"{"size":"2GiB","features":["layering","exclusive-lock"],"objectSize":"8MiB"}"#
            )
            #expect(differs.status == 409)
            let problem = try differs.problem
            #expect(problem.code == "image-differs")
            #expect(
                problem.differences == [
                    .init(field: "size", requested: "2147483648", actual: "1073741824"),
                    .init(field: "features", requested: "layering,exclusive-lock", actual: "layering"),
                    .init(field: "objectSize", requested: "8388608", actual: "4194304"),
                ]
            )
            // The image is unchanged.
            #expect(try await server.get("\(images)/vol-1").body == created.body)
        }
    }

    @Test func putComparesStripesAndDataPools() async throws {
        try await withPool { server, images, pool in
            let body = #"""
                {"size":"1GiB","features":["layering"],"objectSize":"4MiB","stripeUnit":"64KiB","stripeCount":8,
                 "dataPool":"\#(pool)"}
                """#
            let created = try await server.put("\(images)/vol-1", body)
            #expect(created.status == 201, "\(created.text)")
            #expect(try await server.put("\(images)/vol-1", body).status == 200)
            let other = body.replacingOccurrences(of: #""stripeCount":8"#, with: #""stripeCount":4"#)
            #expect(try await server.put("\(images)/vol-1", other).problem.differences?.map(\.field) == ["stripeCount"])
        }
    }

    @Test func namespaces() async throws {
        try await withPool { server, images, pool in
            try await TestCluster.run("rbd", ["namespace", "create", "\(pool)/tenant"])
            let created = try await server.post("\(images)?namespace=tenant", #"{"name":"vol-1","size":"1GiB"}"#)
            #expect(created.status == 201)
            #expect(created.headers["location"] == "\(images)/vol-1?namespace=tenant")
            #expect(try created.decoded(as: Image.self).spec == "\(pool)/tenant/vol-1")
            #expect(try await count(server, images) == 0)
            #expect(try await count(server, "\(images)?namespace=tenant") == 1)
            #expect(try await server.get("\(images)/vol-1").status == 404)
            #expect(try await server.get(created.headers["location"] ?? "").status == 200)
            #expect(try await server.delete("\(images)/vol-1?namespace=tenant").status == 200)
            let nowhere = try await server.get("\(images)?namespace=nowhere").problem
            #expect(nowhere.code == "namespace-not-found")
            #expect(nowhere.field == "namespace")
            #expect(nowhere.remedy?.action == .create && nowhere.remedy?.subject == "\(pool)/nowhere")
        }
    }

    @Test func pages() async throws {
        try await withPool { server, images, _ in
            for number in 0..<7 {
                #expect(try await server.put("\(images)/vol-\(number)", #"{"size":"1MiB"}"#).status == 201)
            }
            var (names, query, pages) = ([String](), "?limit=3&prefix=vol", 0)
            while true {
                let page = try await server.get(images + query).decoded(as: Page<Image>.self)
                names += page.items.map(\.name)
                pages += 1
                guard let cursor = page.nextCursor else { break }
                query = "?limit=3&prefix=vol&cursor=\(cursor)"
            }
            #expect(pages == 3)
            #expect(names == (0..<7).map { "vol-\($0)" })
        }
    }

    @Test func badInputIsRefusedAndNothingIsCreated() async throws {
        try await withPool { server, images, pool in
            for input in BadInput.images + BadInput.imagesForCeph {
                let answer = try await server.post(images, input.body)
                let problem = try answer.problem
                #expect((400..<500).contains(answer.status), "\(input.body)")
                #expect(problem.code == input.code, "\(input.body)")
                #expect(problem.field == input.field, "\(input.body)")
            }
            #expect(try await count(server, images) == 0)
            #expect(try await TestCluster.run("rados", ["ls", "--pool", pool]).contains("bad-input") == false)
            for input in BadInput.pools {
                #expect(try await server.post("/v1/pools", input.body).problem.code == input.code)
            }
            let page = try await server.get("/v1/pools?prefix=bad").decoded(as: Page<RBDAPI.Pool>.self)
            #expect(page.items.isEmpty)
        }
    }

    @Test func theErrnoOfTheSeedIsExplained() async throws {
        try await withPool { server, images, _ in
            let problem = try await server.post(images, #"{"name":"tiny","size":"1KiB","objectSize":"1KiB"}"#).problem
            #expect(problem.errno == 33)
            #expect(problem.status == 422)
            #expect(problem.hint?.contains("4KiB to 32MiB") == true)
        }
    }

    @Test func oddNamesArePercentEncoded() async throws {
        try await withPool { server, images, pool in
            let names = ["a/b", "a b", "a%b", "vol-ü", "a\nb"]
            for name in names {
                _ = try await TestCluster.connect().pool(pool).createImage(named: name, sizeBytes: 1 << 20)
                let path = "\(images)/\(PercentEncoding.encode(name))"
                #expect(try await server.get(path).decoded(as: Image.self).name == name)
                #expect(try await server.delete(path).status == 200)
            }
            // A name that is too long for RADOS does not exist.
            let long = String(repeating: "x", count: 3000)
            #expect(try await server.get("\(images)/\(long)").problem.code == "image-not-found")
            #expect(try await server.delete("\(images)/\(long)").problem.code == "image-not-found")
            #expect(try await server.get("\(images)?namespace=\(long)").problem.code == "namespace-not-found")
            #expect(try await server.get("/v1/pools/\(long)").problem.code == "pool-not-found")
        }
    }

    @Test(arguments: ["POST", "PUT"])
    func sixteenClientsOneName(method: String) async throws {
        try await withPool { server, images, pool in
            for round in 0..<5 {
                let name = "vol-\(round)"
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<16 {
                        group.addTask {
                            method == "POST"
                                ? try await server.post(images, #"{"name":"\#(name)","size":"1GiB"}"#).status
                                : try await server.put("\(images)/\(name)", #"{"size":"1GiB"}"#).status
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(statuses.count { $0 == 201 } == 1)
                #expect(statuses.count { $0 == (method == "POST" ? 409 : 200) } == 15)
            }
            let listed = try await server.get(images).decoded(as: Page<Image>.self).items
            #expect(listed.map(\.name) == (0..<5).map { "vol-\($0)" })
            // Nothing is half-made: each image has one name, one header and one object map.
            let objects = try await TestCluster.run("rados", ["ls", "--pool", pool]).split(separator: "\n")
            for prefix in ["rbd_id.", "rbd_header.", "rbd_object_map."] {
                #expect(objects.count { $0.hasPrefix(prefix) } == 5, "\(prefix)")
            }
        }
    }

    @Test func eightClientsRemoveOneImage() async throws {
        try await withPool { server, images, _ in
            #expect(try await server.put("\(images)/vol-1", #"{"size":"1GiB"}"#).status == 201)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await server.delete("\(images)/vol-1").status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200] + Array(repeating: 404, count: 7))
        }
    }
}
