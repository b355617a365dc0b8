// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kubernetes
import TestSupport
import Testing

/// Many volumes with their claims. They are changed at once by a client of the Kubernetes API; kubectl would take a
/// process for each.
struct VolumeGroup: Sendable {
    let volumes: [ClaimedVolume]
    private let label: String
    private let client: KubernetesClient

    /// The number of requests at a time.
    private static let width = 16

    /// Creates volumes and claims, waits until they are bound, runs the body, and deletes them again.
    /// - Parameter make: a volume with a name that begins so.
    static func bound(
        _ count: Int,
        _ make: (_ prefix: String) -> ClaimedVolume,
        _ body: (VolumeGroup) async throws -> Void
    ) async throws {
        let label = TestCluster.uniqueName("group")
        let volumes = (0..<count).map { _ in
            var volume = make("many")
            volume.label = label
            return volume
        }
        try await APIServer.withClient { client in
            let group = VolumeGroup(volumes: volumes, label: label, client: client)
            do {
                try await group.create()
                try await body(group)
            } catch {
                try? await group.delete()
                throw error
            }
            try await group.delete()
            try await group.waitUntilGone()
        }
    }

    private func create() async throws {
        let client = self.client
        try await each { volume in
            try await Self.patiently { try await client.create(Self.object(of: volume.volume) as StoredVolume) }
            try await Self.patiently { try await client.create(Self.object(of: volume.claim) as StoredClaim) }
        }
        let count = volumes.count
        try await wait("claims are bound") { group in
            try await group.claims().values.count { $0.phase == "Bound" } == count
        }
    }

    /// Sets the capacity of volumes.
    func setCapacity(_ storage: String, of volumes: [ClaimedVolume]? = nil) async throws {
        let (client, change) = (client, JSONObject(dictionaryLiteral: ("storage", .string(storage))))
        try await each(volumes) { volume in
            try await Self.patiently {
                try await client.patch(
                    StoredVolume.self,
                    named: volume.name,
                    with: .merge(["spec": ["capacity": .object(change)]])
                )
            }
        }
    }

    /// Waits until all images have a size.
    func waitForSizes(_ bytes: UInt64, within seconds: Double) async throws {
        let pool = try #require(volumes.first?.pool)
        try await wait("images have \(bytes) bytes", within: seconds) { group in
            let sizes = try await TestCluster.imageSizes(in: pool)
            return group.volumes.allSatisfy { sizes[$0.name] == bytes }
        }
    }

    /// Waits until all claims leave the growth of the file system to their nodes.
    func waitUntilLeftToNodes(within seconds: Double = 30) async throws {
        try await wait("claims have FileSystemResizePending", within: seconds) { group in
            try await group.claims().values.allSatisfy { claim in
                claim.conditions.map(\.type) == ["FileSystemResizePending"]
            }
        }
    }

    /// The claims by their names.
    func claims() async throws -> [String: StoredClaim] {
        let list = try await client.list(StoredClaim.self, Selection(namespace: "default", labels: "test=\(label)"))
        return Dictionary(list.items.map { ($0.metadata.name, $0) }) { first, _ in first }
    }

    /// The Events with a reason, by the names of their objects: how many there are, each with its count.
    func events(_ reason: String) async throws -> [String: Int64] {
        let names = Set(volumes.map(\.name))
        let selection = Selection(namespace: "default", fields: "reason=\(reason)")
        let list = try await client.list(KubernetesEvent.self, selection)
        return list.items.filter { names.contains($0.object.name) }.reduce(into: [:]) { events, event in
            events[event.object.name, default: 0] += event.count
        }
    }

    /// Requests the deletion of all of them at once.
    private func delete() async throws {
        for path in ["namespaces/default/persistentvolumeclaims", "persistentvolumes"] {
            let selector = "/api/v1/\(path)?labelSelector=test%3D\(label)"
            let deleted = try await APIServer.kubectl("delete", "--raw", selector)
            #expect(deleted.status == 0, "\(deleted.standardError)")
        }
    }

    private func waitUntilGone() async throws {
        try await wait("volumes are gone") { group in
            try await group.client.list(StoredVolume.self, Selection(labels: "test=\(group.label)")).items.isEmpty
        }
    }

    // MARK: Helpers

    typealias StoredVolume = Kubernetes.PersistentVolume
    typealias StoredClaim = Kubernetes.PersistentVolumeClaim

    private static func object<Object: KubernetesObject>(of text: String) throws -> Object {
        Object(json: try #require(try JSONValue(parsing: text).object))
    }

    /// Repeats what the service denies because Ceph does not answer in time, as the documentation tells users to, and
    /// what did not reach it: the API server keeps connections, also to replicas that have just been stopped.
    private static func patiently(_ body: () async throws -> some Sendable) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            do {
                _ = try await body()
                return
            } catch let error as KubernetesError {
                let isDenied =
                    [.timeout, .serviceUnavailable].contains(error.reason)
                    && error.message.contains("denied the request: ")
                let isForNow = isDenied || error.message.contains("failed calling webhook")
                guard isForNow, ContinuousClock.now < end else { throw error }
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    private func each(
        _ volumes: [ClaimedVolume]? = nil,
        _ body: @escaping @Sendable (ClaimedVolume) async throws -> Void
    ) async throws {
        let all = volumes ?? self.volumes
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<Self.width {
                let own = stride(from: worker, to: all.count, by: Self.width).map { all[$0] }
                group.addTask { for volume in own { try await body(volume) } }
            }
            try await group.waitForAll()
        }
    }

    private func wait(
        _ what: String,
        within seconds: Double = 60,
        _ isSo: (VolumeGroup) async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while try await !isSo(self) {
            guard ContinuousClock.now < end else {
                throw TestCluster.Failure(description: "not all \(what) after \(seconds) seconds")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
