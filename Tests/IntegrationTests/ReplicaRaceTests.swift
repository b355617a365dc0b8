// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Naming
import RBDAPI
import TestSupport
import Testing

/// Two replicas get conflicting requests at the same time. Some order of the requests must explain the answers and the
/// final state. Nothing is lost and nothing exists twice.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct ReplicaRaceTests {
    private static let rounds = 20

    @Test(arguments: ReplicaRace.allCases)
    func oneIsFirst(_ race: ReplicaRace) async throws {
        try await TestServer.withCluster { one in
            try await TestServer.withCluster { other in
                try await TestCluster.withPool { pool, _ in
                    for round in 1...Self.rounds {
                        let image = RacedImage(pool: pool, name: "v\(round)")
                        let id = try await race.prepare(image, one)
                        async let first = race.first(image, id, one)
                        async let second = race.second(image, id, other)
                        let answers = try await (first, second)
                        let label = "\(race) \(round): \(Self.code(answers.0)), \(Self.code(answers.1))"
                        for answer in [answers.0, answers.1] {
                            #expect(answer.status < 500, "\(label): \(answer.text)")
                        }
                        let codes = [Self.code(answers.0), Self.code(answers.1)]
                        #expect(race.allows(codes), "\(label): \(answers.0.text) \(answers.1.text)")
                        try await race.check(codes, image, id, one, label)
                        try await race.check(codes, image, id, other, label)
                    }
                    try await Self.untilQuiet(pool, one)
                    let findings = try await TestCluster.audit(pool)
                    #expect(findings.isEmpty, "\(race): \(findings.joined(separator: "\n"))")
                }
            }
        }
    }

    private static func code(_ answer: TestServer.Answer) -> String {
        (try? answer.problem.code) ?? "\(answer.status)"
    }

    /// Waits until nothing changes any more, because purges continue after their answers.
    private static func untilQuiet(_ pool: String, _ server: TestServer) async throws {
        while true {
            let operations = try await server.get("/v1/operations?pool=\(pool)").decoded(
                as: Page<RBDAPI.Operation>.self
            ).items
            if operations.allSatisfy(\.state.isFinished) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}

struct RacedImage: Sendable {
    let pool: String
    let name: String

    var spec: String { "\(pool)/\(name)" }
    var path: String { "/v1/pools/\(pool)/images/\(name)" }
    var trash: String { "/v1/pools/\(pool)/trash" }

    func path(_ suffix: String) -> String { "\(path)-\(suffix)" }
}

enum ReplicaRace: String, CaseIterable, Sendable {
    case createCreate, deleteDelete, putDelete, renameDelete, renameRename, renameOntoOne, growGrow, snapshotSnapshot
    case restoreRestore, restoreRestoreElsewhere, purgeRestore, deletePurge, cloneDeleteSnapshot

    private static let size = #"{"size":"4MiB"}"#

    /// - Returns: the image's id; empty if there is no image yet.
    func prepare(_ image: RacedImage, _ server: TestServer) async throws -> String {
        guard self != .createCreate else { return "" }
        let id = try await server.put(image.path, Self.size).decoded(as: RBDAPI.Image.self).id
        switch self {
        case .restoreRestore, .restoreRestoreElsewhere, .purgeRestore: _ = try await server.delete(image.path)
        case .renameOntoOne: _ = try await server.put(image.path("other"), Self.size)
        case .cloneDeleteSnapshot: _ = try await server.post("\(image.path)/snapshots", #"{"name":"s"}"#)
        default: break
        }
        return id
    }

    func first(_ image: RacedImage, _ id: String, _ server: TestServer) async throws -> TestServer.Answer {
        switch self {
        case .createCreate:
            try await server.post("/v1/pools/\(image.pool)/images", #"{"name":"\#(image.name)","size":"4MiB"}"#)
        case .deleteDelete, .deletePurge: try await server.delete(image.path)
        case .putDelete: try await server.put(image.path, Self.size)
        case .renameDelete, .renameRename: try await server.patch(image.path, #"{"name":"\#(image.name)-a"}"#)
        case .renameOntoOne: try await server.patch(image.path, #"{"name":"\#(image.name)-new"}"#)
        case .growGrow: try await server.patch(image.path, #"{"size":"6MiB"}"#)
        case .snapshotSnapshot: try await server.post("\(image.path)/snapshots", #"{"name":"s"}"#)
        case .restoreRestore, .purgeRestore: try await server.post("\(image.trash)/\(id)/restore", "{}")
        case .restoreRestoreElsewhere:
            try await server.post("\(image.trash)/\(id)/restore", #"{"name":"\#(image.name)-a"}"#)
        case .cloneDeleteSnapshot:
            try await server.post(
                "/v1/pools/\(image.pool)/images",
                #"{"name":"\#(image.name)-clone","source":{"image":"\#(image.name)","snapshot":"s"}}"#
            )
        }
    }

    func second(_ image: RacedImage, _ id: String, _ server: TestServer) async throws -> TestServer.Answer {
        switch self {
        case .createCreate, .deleteDelete, .snapshotSnapshot, .restoreRestore: try await first(image, id, server)
        case .putDelete, .renameDelete: try await server.delete(image.path)
        case .deletePurge: try await server.delete("\(image.path)?purge=true&wait=20s")
        case .renameRename: try await server.patch(image.path, #"{"name":"\#(image.name)-b"}"#)
        case .renameOntoOne: try await server.patch(image.path("other"), #"{"name":"\#(image.name)-new"}"#)
        case .growGrow: try await server.patch(image.path, #"{"size":"9MiB"}"#)
        case .restoreRestoreElsewhere:
            try await server.post("\(image.trash)/\(id)/restore", #"{"name":"\#(image.name)-b"}"#)
        case .purgeRestore: try await server.delete("\(image.trash)/\(id)?force=true&wait=20s")
        case .cloneDeleteSnapshot: try await server.delete("\(image.path)/snapshots/s")
        }
    }

    /// The answers that tell a client to try again. A client that waits a moment gets another answer.
    private static let busy: Set<String> = ["change-in-progress", "operation-in-progress"]

    /// The accepted answers: that the request was executed, or why it was not.
    private var outcomes: (first: Set<String>, second: Set<String>) {
        switch self {
        case .createCreate: (["201", "image-exists"], ["201", "image-exists"])
        case .deleteDelete: (["200", "image-not-found"], ["200", "image-not-found"])
        case .putDelete: (["200", "201"], ["200"])
        case .renameDelete: (["200", "image-not-found"], ["200", "image-not-found"])
        case .renameRename: (["200", "image-not-found"], ["200", "image-not-found"])
        case .renameOntoOne: (["200", "image-exists"], ["200", "image-exists"])
        case .growGrow: (["200", "invalid-size", "confirmation-required"], ["200"])
        case .snapshotSnapshot: (["201", "snapshot-exists"], ["201", "snapshot-exists"])
        case .restoreRestore: (["200", "trash-entry-not-found"], ["200", "trash-entry-not-found"])
        case .restoreRestoreElsewhere: (["200", "trash-entry-not-found"], ["200", "trash-entry-not-found"])
        case .purgeRestore:
            (
                ["200", "trash-entry-not-found", "image-incomplete"],
                ["200", "204", "trash-entry-not-found"]
            )
        case .deletePurge: (["200", "image-not-found"], ["204", "image-not-found"])
        case .cloneDeleteSnapshot: (["201", "source-not-found"], ["204", "snapshot-has-clones"])
        }
    }

    /// Whether these answers may occur together.
    func allows(_ codes: [String]) -> Bool {
        let (first, second) = (outcomes.first.union(Self.busy), outcomes.second.union(Self.busy))
        guard first.contains(codes[0]), second.contains(codes[1]) else { return false }
        let done = codes.filter { $0.hasPrefix("2") }.count
        return switch self {
        // Clones of one snapshot do not wait for each other. A clone that is made while the snapshot is deleted keeps
        // the snapshot, in its image's trash.
        case .putDelete, .growGrow, .cloneDeleteSnapshot: done >= 1
        default: done == 1
        }
    }

    /// Checks the final state with any replica.
    func check(
        _ codes: [String],
        _ image: RacedImage,
        _ id: String,
        _ server: TestServer,
        _ label: String
    ) async throws {
        let isFirst = codes[0].hasPrefix("2")
        func found(_ path: String) async throws -> String? {
            let answer = try await server.get(path)
            return answer.status == 200 ? try answer.decoded(as: RBDAPI.Image.self).id : nil
        }
        func isInTrash() async throws -> Bool { try await server.get("\(image.trash)/\(id)").status == 200 }
        let plain = try await found(image.path)
        switch self {
        case .createCreate: #expect(plain != nil, "\(label)")
        case .deleteDelete:
            #expect(plain == nil, "\(label)")
            #expect(try await isInTrash(), "\(label)")
        case .putDelete:
            // Either the old image is in the trash, and perhaps there is a new one, or the old image was not deleted.
            let isGone = try await isInTrash()
            #expect(isGone == (codes[1] == "200"), "\(label)")
            #expect(plain != id || !isGone, "\(label)")
            if codes[0] == "201" { #expect(plain != nil && plain != id, "\(label)") }
        case .renameDelete:
            let renamed = try await found(image.path("a"))
            #expect((renamed == id) == isFirst, "\(label)")
            #expect(try await isInTrash() != isFirst, "\(label)")
            #expect(plain == nil, "\(label)")
        case .renameRename:
            let names = [try await found(image.path("a")), try await found(image.path("b"))]
            #expect(names == (isFirst ? [id, nil] : [nil, id]), "\(label): \(names)")
            #expect(plain == nil, "\(label)")
        case .renameOntoOne:
            let renamed = try await found(image.path("new"))
            #expect(renamed != nil && (renamed == id) == isFirst, "\(label)")
            #expect((plain == id) != isFirst, "\(label)")
        case .growGrow:
            let size = try await server.get(image.path).decoded(as: RBDAPI.Image.self).sizeBytes
            #expect(size == (codes[1] == "200" ? 9 : 6) << 20, "\(label)")
        case .snapshotSnapshot: #expect(try await server.get("\(image.path)/snapshots/s").status == 200, "\(label)")
        case .cloneDeleteSnapshot:
            let snapshot = try await server.get("\(image.path)/snapshots/s").status
            #expect(snapshot == (codes[1] == "204" ? 404 : 200), "\(label)")
            #expect((try await found(image.path("clone")) != nil) == isFirst, "\(label)")
        case .restoreRestore: #expect(plain == id, "\(label)")
        case .restoreRestoreElsewhere:
            let names = [try await found(image.path("a")), try await found(image.path("b"))]
            #expect(names == (isFirst ? [id, nil] : [nil, id]), "\(label): \(names)")
        case .purgeRestore: #expect((plain == id) == isFirst, "\(label)")
        case .deletePurge:
            #expect(plain == nil, "\(label)")
            // An image whose DELETE was acknowledged is in the trash.
            #expect(try await isInTrash() == isFirst, "\(label)")
        }
    }
}
