// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Logging
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// A pool whose images are marked by reviews, with a service that runs, but no Kubernetes.
struct OrphanSetting: Sendable {
    let volumes: VolumeService
    let images: VolumeImages
    let pool: String
    let fsid: String

    var spec: String { "\(pool)/vol" }

    /// Does what a review does.
    func review(
        _ uid: String = "r1",
        volume: String = "u1",
        lease: String? = "l1",
        features: String? = "layering"
    ) async throws -> VolumeOutcome {
        try await ensure(
            VolumeReview(volume: "pv-vol", volumeUID: volume, uid: uid, lease: lease),
            features: features
        )
    }

    func ensure(_ review: VolumeReview?, features: String? = "layering") async throws -> VolumeOutcome {
        let text = TestVolume(pool: pool, fsid: fsid, image: "vol", features: features).json
        let volume = try JSONDecoder().decode(PersistentVolume.self, from: Data(text.utf8))
        return try await volumes.ensure(volume, isDryRun: false, review: review)
    }

    func marks() async throws -> [StoredMark] { try await images.marks(in: pool) }

    /// The only mark.
    func mark() async throws -> StoredMark {
        let marks = try await marks()
        #expect(marks.count == 1)
        return try #require(marks.first)
    }

    func situation(_ stored: StoredMark) throws -> OrphanSituation {
        OrphanSituation(mark: try #require(stored.mark), lease: "l1")
    }

    func finding() async throws -> OrphanFinding {
        let stored = try await mark()
        let situation = try situation(stored)
        let fact = try await images.fact(of: situation.mark, in: stored.place)
        return OrphanPlanner.finding(situation, fact)
    }

    func move(
        _ stored: StoredMark,
        olderThan age: Duration = .zero,
        requireNoVolume: () async throws -> Void = {}
    ) async throws -> RBDAPI.TrashedImage? {
        try await images.moveToTrash(
            stored,
            try situation(stored),
            olderThan: age,
            requireNoVolume: requireNoVolume
        )
    }

    func hasImage() async throws -> Bool {
        try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").contains("vol")
    }
}

/// Runs the body with a pool of its own.
func withOrphanSetting(_ body: @escaping @Sendable (OrphanSetting) async throws -> Void) async throws {
    try await TestCluster.withPool { pool, cluster in
        let values = ["port": "0", "audit-log": "off", "kubernetes-pools": pool, "trash-delay": "1h"]
        var configuration = try ServiceConfiguration(
            SettingValues(commandLine: values, environment: [:], file: nil)
        )
        configuration.cluster = try await TestCluster.configuration
        configuration.volumes.hasController = true
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let service = try RBDService(configuration: configuration, logger: logger)
        let volumes = VolumeService(rules: service.configuration.volumes, images: service.images)
        let images = VolumeImages(
            volumes,
            trashDelay: service.configuration.trashDelay,
            audit: service.audit,
            logger: logger
        )
        let setting = OrphanSetting(volumes: volumes, images: images, pool: pool, fsid: cluster.fsid)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await service.run { _, _ in }
                return false
            }
            group.addTask {
                while (try? service.connection.cluster()) == nil { try await Task.sleep(for: .milliseconds(20)) }
                try await body(setting)
                return true
            }
            while let isDone = try await group.next(), !isDone {}
            group.cancelAll()
        }
    }
}
