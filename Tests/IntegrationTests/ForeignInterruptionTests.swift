// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Naming
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Another program is killed in the middle of a change, after each of its steps. The service shows the remains as what
/// they are, nothing that can be restored is lost, and the next request for the name repairs it.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(15)))
struct ForeignInterruptionTests {
    /// This is longer than the first look at all images takes, even on a busy machine.
    private static let patience = Duration.seconds(15)

    /// One interruption, on two images: one is requested with PUT, the other one is deleted.
    private struct Cut: Sendable {
        var change: Int
        var put: InterruptedImage
        var deleted: InterruptedImage
        /// The ids of the two images. nil if there was no image before.
        var ids: [String?]
        var state: ImageStanding.State
    }

    @Test(arguments: Interruption.allCases)
    func whatIsLeftIsKnownAndMended(_ interruption: Interruption) async throws {
        try await TestServer.withCluster(change: { $0.remnantPatience = Self.patience }) { server in
            try await TestCluster.withPool { pool, cluster in
                let cuts = try await Self.cuts(interruption, pool, cluster)
                #expect(cuts.count > 2)
                // At first, the change may still be running, so nothing is touched.
                for cut in cuts {
                    try await Self.check(
                        Answers(first: cut.state),
                        cut,
                        server,
                        "\(interruption) \(cut.change) at first"
                    )
                }
                try await Task.sleep(for: Self.patience)
                for cut in cuts {
                    try await Self.check(Answers(later: cut.state), cut, server, "\(interruption) \(cut.change) later")
                }
                for cut in cuts { try await Self.finish(interruption, cut, server) }
                let findings = try await TestCluster.audit(pool)
                #expect(findings.isEmpty, "\(interruption): \(findings.joined(separator: "\n"))")
                guard !interruption.destroys, interruption != .flatten else { return }
                let objects = try await TestCluster.run("rados", ["-p", pool, "ls"])
                for cut in cuts {
                    for id in cut.ids.compactMap(\.self) {
                        #expect(objects.contains("rbd_data.\(id)."), "\(interruption) \(cut.change): lost its data")
                    }
                }
            }
        }
    }

    /// Runs the sequence again and again, each time one step further, until it completes.
    private static func cuts(_ interruption: Interruption, _ pool: String, _ cluster: Cluster) async throws -> [Cut] {
        var cuts: [Cut] = []
        for change in 1... {
            let images = ["put", "deleted"].map { InterruptedImage(pool: pool, name: "v\(change)-\($0)") }
            var (ids, wasCut) = ([String?](), true)
            for image in images {
                let id = try await interruption.prepare(image)
                ids.append(id)
                let command = interruption.command(image.spec, pool: pool, id: id)
                wasCut = try await CutOff.rbd(at: change, command) && wasCut
            }
            guard wasCut else { break }
            let standing = try await cluster.pool(pool).standing(of: RawName(images[0].name))
            cuts.append(Cut(change: change, put: images[0], deleted: images[1], ids: ids, state: standing.state))
        }
        return cuts
    }

    private static func code(_ answer: TestServer.Answer) -> String {
        (try? answer.problem.code) ?? "\(answer.status)"
    }

    private static func check(_ expected: Answers, _ cut: Cut, _ server: TestServer, _ label: String) async throws {
        let (pool, name) = (cut.put.pool, cut.put.name)
        let label = "\(label), \(cut.state)"
        let got = try await server.get(cut.put.path)
        #expect(expected.get.contains(code(got)), "GET \(label): \(got.text)")
        let row = try await server.get("/v1/pools/\(pool)/images?prefix=\(name)").decoded(as: Page<RBDAPI.Image>.self)
            .items.first { $0.name == name }
        #expect(expected.row.contains(row?.state), "list \(label): \(String(describing: row))")
        // The deletion does what the dry run says.
        let plan = try await server.delete("\(cut.deleted.path)?dryRun=true")
        let deletion = try await server.delete(cut.deleted.path)
        #expect(expected.delete.contains(code(deletion)), "DELETE \(label): \(deletion.text)")
        // A watch may end between the two requests.
        if !plan.text.contains(#""watcher""#) {
            let isPlanned = try plan.status == 200 && plan.decoded(as: Plan.self).allowed
            #expect(isPlanned == (deletion.status < 300), "dry run \(label): \(plan.text), then \(deletion.text)")
        }
        if plan.status != 200 { #expect(code(plan) == code(deletion), "dry run \(label)") }
        let put = try await server.put(cut.put.path, size)
        #expect(expected.put.contains(code(put)), "PUT \(label): \(put.text)")
    }

    private static let size = #"{"size":"5MiB"}"#

    /// Repeats the interrupted change and undoes it. Both must work, and nothing must be left.
    private static func finish(_ interruption: Interruption, _ cut: Cut, _ server: TestServer) async throws {
        let label = "\(interruption) \(cut.change), \(cut.state)"
        let trash = "/v1/pools/\(cut.put.pool)/trash"
        for (image, id) in zip([cut.put, cut.deleted], cut.ids) {
            let group = "/v1/pools/\(image.pool)/groups/\(image.name)-group"
            switch interruption {
            case .createSnapshot, .removeSnapshot:
                // The other image may already be in the trash.
                let made = try await patiently { try await server.post("\(image.path)/snapshots", #"{"name":"s"}"#) }
                #expect(["201", "snapshot-exists", "image-not-found"].contains(code(made)), "\(label): \(made.text)")
                let removed = try await patiently { try await server.delete("\(image.path)/snapshots/s") }
                #expect(["204", "image-not-found"].contains(code(removed)), "\(label): \(removed.text)")
            case .addToGroup, .removeFromGroup:
                let added = try await patiently { try await server.put("\(group)/images/\(image.name)", "") }
                #expect(["200", "201", "204", "image-not-found"].contains(code(added)), "\(label): \(added.text)")
                let removed = try await patiently { try await server.delete("\(group)/images/\(image.name)") }
                #expect(["204", "image-not-in-group"].contains(code(removed)), "\(label): \(removed.text)")
                let deleted = try await server.delete(group)
                #expect(code(deleted) == "204", "\(label): \(deleted.text)")
            case .rename:
                // The other name is free, or the image has it.
                let other = InterruptedImage(pool: image.pool, name: "\(image.name)-renamed")
                let put = try await patiently { try await server.put(other.path, size) }
                #expect(["200", "201"].contains(code(put)), "\(label): \(put.text)")
            case .flatten:
                let done = try await patiently { try await server.post("\(image.path)/flatten?wait=60s", "{}") }
                #expect(
                    ["200", "image-has-no-parent", "image-not-found"].contains(code(done)),
                    "\(label): \(done.text)"
                )
            default: break
            }
            let deleted = try await patiently { try await server.delete("\(image.path)?purge=false&wait=60s") }
            #expect(["200", "204", "image-not-found"].contains(code(deleted)), "\(label): \(deleted.text)")
            guard let id, try await server.get("\(trash)/\(id)").status == 200 else { continue }
            if interruption.destroys {
                let purged = try await patiently { try await server.delete("\(trash)/\(id)?force=true&wait=60s") }
                #expect(code(purged) == "204", "\(label): \(purged.text)")
            } else {
                let restored = try await patiently {
                    try await server.post("\(trash)/\(id)/restore", #"{"name":"\#(image.name)-back"}"#)
                }
                #expect(code(restored) == "200", "\(label): \(restored.text)")
            }
        }
    }

    /// The killed program counts as a watcher until 30 seconds after its last sign of life.
    private static func patiently(_ ask: () async throws -> TestServer.Answer) async throws -> TestServer.Answer {
        let end = ContinuousClock.now + .seconds(90)
        while true {
            let answer = try await ask()
            guard ["image-in-use", "image-incomplete"].contains(code(answer)), .now < end else { return answer }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// The expected answers for each state: codes, or statuses if there is no problem.
    private struct Answers {
        var get: Set<String> = ["image-not-found"]
        var row: Set<String?> = [nil]
        var put: Set<String> = [Self.held]
        var delete: Set<String> = [Self.held]

        private static let held = "image-incomplete"

        /// The answers while the change may still be running.
        init(first state: ImageStanding.State) {
            switch state {
            // An image of that name may already be on its way out of the trash.
            case .free: (row, put, delete) = ([nil, "removing"], ["201"], ["image-not-found", "202"])
            case .whole, .withoutNameObject, .contradictory:
                (get, row, put) = (["200"], ["ready"], ["200", "image-differs", Self.held])
                delete = ["200", "image-in-use", "image-has-snapshots", "image-in-group"]
            case .withoutHeader: (get, row) = ([Self.held], ["incomplete"])
            case .halfTrashed: break
            case .beingRemoved: (get, row, delete) = (["200", Self.held], ["removing", nil], ["202", Self.held])
            case .strayNameObject: delete = ["image-not-found"]
            }
        }

        /// The answers after the change has not continued for long enough. An image that was deleted at first is gone.
        init(later state: ImageStanding.State) {
            self.init(first: state)
            switch state {
            case .free: (get, row, put) = (["200"], ["ready", "removing"], ["200"])
            // The service checks whether the parent knows a clone only when the clone has no watch any more, and for
            // some clones that is later.
            case .whole, .withoutNameObject, .contradictory: delete.formUnion(["image-not-found", Self.held])
            case .withoutHeader: (put, delete) = (["201"], ["204"])
            case .halfTrashed: (put, delete) = (["200", "201"], ["200"])
            case .beingRemoved: (put, delete) = (["201"], ["202", "image-not-found"])
            case .strayNameObject: put = ["201"]
            }
        }
    }
}
