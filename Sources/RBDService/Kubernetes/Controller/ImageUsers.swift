// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Kubernetes
import Synchronization

/// Finds out on which nodes the clients of an image are, and for which pods.
///
/// Ceph knows only addresses. Kubernetes is asked when the clients of a volume change, and not each time that the
/// controller looks whether they have ended.
final class ImageUsers: Sendable {
    private struct Wait {
        var clients: Set<ImageClient>
        var place: String
        var toldAt: ContinuousClock.Instant
    }

    private let client: KubernetesClient
    private let waits = Mutex<[String: Wait]>([:])

    /// How often it is told again that the same clients use an image.
    private static let interval = Duration.seconds(60)
    /// It is only for the words of an Event.
    private static let timeLimit = Duration.seconds(5)

    init(_ client: KubernetesClient) {
        self.client = client
    }

    /// - Returns: where the clients are, for an Event; nil if that was told a moment ago.
    func place(of clients: [ImageClient], _ volume: WatchedVolume) async -> String? {
        let (now, current) = (ContinuousClock.now, Set(clients))
        let known = waits.withLock { $0[volume.name] }
        if let known, known.clients == current {
            guard now - known.toldAt >= Self.interval else { return nil }
            waits.withLock { $0[volume.name]?.toldAt = now }
            return known.place
        }
        let place = await find(clients, volume)
        waits.withLock { $0[volume.name] = Wait(clients: current, place: place, toldAt: now) }
        return place
    }

    /// The volume does not wait any more.
    func forget(_ volume: String) {
        waits.withLock { $0[volume] = nil }
    }

    private func find(_ clients: [ImageClient], _ volume: WatchedVolume) async -> String {
        let hosts = Set(clients.map(\.host))
        var nodes = await attachedNodes(of: volume.name)
        if nodes.isEmpty { nodes = await self.nodes(at: hosts) }
        let pods = await self.pods(of: volume, on: nodes)
        let words =
            nodes.prefix(4).map { "node \($0)" }
            + pods.prefix(4).map { "pod \($0)" }
        return words.isEmpty ? "" : " (\(words.joined(separator: ", ")))"
    }

    private func attachedNodes(of volume: String) async -> [String] {
        let attachments = try? await client.list(
            VolumeAttachment.self,
            timeLimit: Self.timeLimit,
            keeping: { attachment in
                var kept = VolumeAttachment(json: ["metadata": .object(attachment.metadata.json.keeping(["name"]))])
                kept.spec = attachment.spec.keeping(["nodeName", "source"])
                return kept
            }
        )
        let nodes = (attachments?.items ?? []).filter { $0.volumeName == volume }.map(\.nodeName)
        return Set(nodes).sorted()
    }

    private func nodes(at hosts: Set<String>) async -> [String] {
        let nodes = try? await client.list(
            Node.self,
            timeLimit: Self.timeLimit,
            keeping: { node in
                var kept = Node(json: ["metadata": .object(node.metadata.json.keeping(["name"]))])
                kept.status = node.status.keeping(["addresses"])
                return kept
            }
        )
        return (nodes?.items ?? []).filter { !hosts.isDisjoint(with: $0.addresses) }.map(\.metadata.name).sorted()
    }

    private func pods(of volume: WatchedVolume, on nodes: [String]) async -> [String] {
        guard let claim = volume.claim, !claim.namespace.isEmpty else { return [] }
        let node = nodes.count == 1 ? nodes.first.map { "spec.nodeName=\($0)" } : nil
        let selection = Selection(namespace: claim.namespace, fields: node)
        let pods = try? await client.list(
            Pod.self,
            selection,
            timeLimit: Self.timeLimit,
            keeping: { pod in
                var kept = Pod(json: ["metadata": .object(pod.metadata.json.keeping(["name"]))])
                kept.spec = pod.spec.keeping(["volumes"])
                return kept
            }
        )
        return (pods?.items ?? []).filter { $0.claimNames.contains(claim.name) }
            .map { "\(claim.namespace)/\($0.metadata.name)" }.sorted()
    }
}
