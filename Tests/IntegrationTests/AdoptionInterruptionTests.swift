// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// An adoption or a release dies between two of its writes. The states that it leaves are made with Ceph's own tools.
/// The opposite request undoes them, and a repetition completes them.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct AdoptionInterruptionTests {
    /// What is in the journal, beside the record of the adoption.
    enum Rest: String, CaseIterable, Sendable {
        case nothing, entry, both
        /// Only a release leaves these.
        case listed, emptyDirectory

        var hasEntry: Bool { self == .entry || self == .both }
        var isListed: Bool { self == .listed || self == .both }
        var hasDirectory: Bool { isListed || self == .emptyDirectory }
    }

    /// Adopts an image, and removes what an interrupted adoption would not have written.
    private func interrupt(_ setting: AdoptionSetting, _ image: String, leaving rest: Rest) async throws {
        let id = try await setting.create(image)
        #expect(try await setting.adopt(image).status == 201)
        let (records, key) = ("rbd_rest_api.operations", "volume./\(id)")
        let record = String(
            decoding: try await TestCluster.value(of: key, in: records, pool: setting.pool),
            as: UTF8.self
        )
        let interrupted = record.replacing(#""isComplete":true"#, with: #""isComplete":false"#)
        #expect(interrupted != record)
        try await TestCluster.setValue(Data(interrupted.utf8), of: key, in: records, pool: setting.pool)
        let journal = try await setting.journal()
        let entry = try #require(journal.keys.first { $0.hasPrefix("csi.volume.") })
        let listed = try #require(journal["csi.volumes.default"]?.keys.first)
        func rados(_ arguments: String...) async throws {
            try await TestCluster.run("rados", ["--pool", setting.pool] + arguments)
        }
        if !rest.hasEntry { try await rados("rm", entry) }
        if !rest.isListed { try await rados("rmomapkey", "csi.volumes.default", listed) }
        if !rest.hasDirectory { try await rados("rm", "csi.volumes.default") }
    }

    @Test(arguments: Rest.allCases)
    func aRepetitionCompletesIt(rest: Rest) async throws {
        try await withAdoptions { setting in
            try await interrupt(setting, "vol", leaving: rest)
            let found = try await setting.server.get(setting.path("vol")).problem
            #expect(found.code == "volume-not-found")
            #expect(found.detail.hasSuffix("was interrupted"))
            let plan: Plan = try await setting.adopt("vol", isDryRun: true).decoded()
            #expect(plan.steps.map(\.action) == [.adoptImage])
            let adopted = try await setting.adopt("vol")
            #expect(adopted.status == 201, "\(adopted.text)")
            let volume: KubernetesVolume = try adopted.decoded()
            let uuid = try #require(volume.uuid)
            let journal = try await setting.journal()
            #expect(journal["csi.volumes.default"] == ["csi.volume.\(volume.persistentVolume.metadata.name)": uuid])
            #expect(journal["csi.volume.\(uuid)"]?["csi.imagename"] == "vol")
            #expect(try await setting.server.get(setting.path("vol")).body == adopted.body)
            #expect(try await setting.release("vol").status == 204)
            #expect(try await setting.journal().isEmpty)
            #expect(try await setting.records().isEmpty)
        }
    }

    @Test(arguments: Rest.allCases)
    func aReleaseUndoesIt(rest: Rest) async throws {
        try await withAdoptions { setting in
            try await interrupt(setting, "vol", leaving: rest)
            #expect(try await setting.release("vol").status == 204)
            #expect(try await setting.journal().isEmpty)
            #expect(try await setting.records().isEmpty)
            #expect(try await setting.adopt("vol").status == 201)
        }
    }

    /// Since the interruption, somebody else has got the claim. Nothing of the adoption is left.
    @Test(arguments: [Rest.nothing, .entry])
    func anotherVolumeOfTheClaimUndoesIt(rest: Rest) async throws {
        try await withAdoptions { setting in
            try await interrupt(setting, "vol", leaving: rest)
            _ = try await setting.create("other")
            let uid = try await setting.adopt("other", setting.claim("others")).decoded(as: KubernetesVolume.self).uuid
            let uuid = try #require(uid)
            // As if ceph-csi had made that volume for the claim of the first one.
            let planned: Plan = try await setting.adopt("vol", isDryRun: true).decoded()
            #expect(planned.allowed)
            let record = try #require(try await setting.requestName(of: "vol"))
            try await setting.put(["csi.volume.\(record)": uuid], into: "csi.volumes.default")
            let before = try await setting.journal().filter { !$0.value.values.contains("vol") }
            #expect(try await setting.adopt("vol").problem.code == "claim-taken")
            #expect(try await setting.journal() == before)
            #expect(try await setting.records().count == 1)
            #expect(try await setting.adopt("vol", setting.claim("third")).status == 201)
        }
    }

    /// Since the interruption, ceph-csi's journal has got the image for another volume.
    @Test func anotherVolumeOfTheImageStopsIt() async throws {
        try await withAdoptions { setting in
            try await interrupt(setting, "vol", leaving: .nothing)
            try await setting.putVolume(AdoptionSetting.uuid, request: "pvc-1", image: "vol", imageID: "1")
            let before = try await setting.journal()
            #expect(try await setting.adopt("vol").problem.code == "volume-owned")
            #expect(try await setting.release("vol").status == 204)
            #expect(try await setting.journal() == before)
        }
    }
}
