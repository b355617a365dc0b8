// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// What tests of adoptions need: images, and ceph-csi's journal as Ceph's own tools see it.
struct AdoptionSetting: Sendable {
    let server: TestServer
    let pool: String
    let fsid: String

    static let body = #"{"claimNamespace":"shop","claimName":"orders"}"#
    /// A UUID of ceph-csi.
    static let uuid = "5a1e0b3c-6d2f-4c8e-9b7a-0f1e2d3c4b5a"

    func path(_ image: String) -> String { "/v1/pools/\(pool)/images/\(image)/volume" }

    func claim(_ name: String) -> String { #"{"claimNamespace":"shop","claimName":"\#(name)"}"# }

    /// - Returns: the image's id.
    func create(_ image: String) async throws -> String {
        try await rbd("create", "--size", "64M", "\(pool)/\(image)")
        return try await server.get("/v1/pools/\(pool)/images/\(image)").decoded(as: Image.self).id
    }

    @discardableResult
    func rbd(_ arguments: String...) async throws -> String {
        try await TestCluster.run("rbd", arguments)
    }

    func adopt(
        _ image: String,
        _ body: String = AdoptionSetting.body,
        isDryRun: Bool = false
    ) async throws -> TestServer.Answer {
        try await server.put("\(path(image))\(isDryRun ? "?dryRun=true" : "")", body)
    }

    func release(_ image: String, isDryRun: Bool = false) async throws -> TestServer.Answer {
        try await server.delete("\(path(image))\(isDryRun ? "?dryRun=true" : "")")
    }

    /// Expects that a request is refused, as a dry run as well, and that the journal stays as it is.
    func expectRefusal(
        _ code: String,
        of image: String,
        _ body: String = AdoptionSetting.body
    ) async throws {
        let before = try await journal()
        for isDryRun in [true, false] {
            let answer = try await adopt(image, body, isDryRun: isDryRun)
            #expect((try? answer.problem.code) == code, "\(image): \(answer.text)")
        }
        #expect(try await journal() == before, "\(image)")
    }

    /// The objects of the journal with their values.
    func journal(namespace: String = "") async throws -> [String: [String: String]] {
        let listed = try await TestCluster.run("rados", ["--pool", pool, "--namespace", namespace, "ls"])
        var journal: [String: [String: String]] = [:]
        for object in listed.split(separator: "\n").map(String.init) where object.hasPrefix("csi.") {
            journal[object] = try await TestCluster.values(of: object, pool: pool, namespace: namespace)
                .mapValues { String(decoding: $0, as: UTF8.self) }
        }
        return journal
    }

    /// Writes values of an object with Ceph's own tool.
    func put(_ values: [String: String], into object: String) async throws {
        for (key, value) in values {
            try await TestCluster.setValue(Data(value.utf8), of: key, in: object, pool: pool)
        }
    }

    /// Writes the entry of a volume as ceph-csi does.
    func putVolume(_ uuid: String, request: String, image: String, imageID: String) async throws {
        try await put(
            ["csi.volname": request, "csi.imagename": image, "csi.imageid": imageID, "csi.volume.owner": "shop"],
            into: "csi.volume.\(uuid)"
        )
        try await put(["csi.volume.\(request)": uuid], into: "csi.volumes.default")
    }

    /// Writes the entry of a snapshot as ceph-csi does.
    func putSnapshot(_ uuid: String, request: String, source: String, image: String) async throws {
        try await put(
            ["csi.snapname": request, "csi.source": source, "csi.imagename": image],
            into: "csi.snap.\(uuid)"
        )
        try await put(["csi.snap.\(request)": uuid], into: "csi.snaps.default")
    }

    /// The name of the CSI request of an adoption, from its record.
    func requestName(of image: String) async throws -> String? {
        struct Record: Decodable {
            var imageName: String
            var requestName: String
        }
        for key in try await records() {
            let value = try await TestCluster.value(of: key, in: "rbd_rest_api.operations", pool: pool)
            let record = try JSONDecoder().decode(Record.self, from: value)
            if record.imageName == image { return record.requestName }
        }
        return nil
    }

    /// The keys of the records that adoptions have beside the pool's operations.
    func records() async throws -> [String] {
        let object = "rbd_rest_api.operations"
        let objects = try await TestCluster.run("rados", ["--pool", pool, "ls"]).split(separator: "\n")
        guard objects.contains(Substring(object)) else { return [] }
        return try await TestCluster.run("rados", ["--pool", pool, "listomapkeys", object])
            .split(separator: "\n").map(String.init).filter { $0.hasPrefix("volume.") }
    }
}

/// Runs the body with the service, and with a pool of its own that is allowed for volumes.
func withAdoptions(
    _ settings: [String: String] = [:],
    _ body: @escaping @Sendable (AdoptionSetting) async throws -> Void
) async throws {
    try await withVolumeSetting(settings) { setting in
        try await body(AdoptionSetting(server: setting.server, pool: setting.pool, fsid: setting.fsid))
    }
}
