// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

extension ImageService {
    /// How many images are opened at once for one request: half of the threads that one pool may have by default.
    private static let window = 6

    /// What an image's header does not say, and is told only to who asks: each is a member of the image by this name.
    static let fields: Set<String> = ["usage", "watchers", "children"]

    /// Adds to an image what was asked for.
    /// - Parameter fields: some of ``fields``.
    func add(_ fields: Set<String>, to image: inout RBDAPI.Image, in place: ImagePlace) async throws {
        guard !fields.isEmpty else { return }
        let pool = try images.pool(place)
        image.add(try await pool.details(Ceph.ImageDetails.Fields(fields), ofImage: image.name), pool.cluster)
    }

    /// Adds to many images what was asked for. One that is going away is left without.
    func add(_ fields: Set<String>, to items: inout [RBDAPI.Image], in place: ImagePlace) async throws {
        guard !fields.isEmpty else { return }
        let pool = try images.pool(place)
        let wanted = Ceph.ImageDetails.Fields(fields)
        let names = items.enumerated().filter { $0.element.state == "ready" }.map { ($0.offset, $0.element.name) }
        try await withThrowingTaskGroup(of: (Int, Ceph.ImageDetails?).self) { group in
            for (number, (index, name)) in names.enumerated() {
                if number >= Self.window, let (index, details) = try await group.next(), let details {
                    items[index].add(details, pool.cluster)
                }
                group.addTask {
                    do {
                        return (index, try await pool.details(wanted, ofImage: name))
                    } catch let error as CephError where error.code == .imageNotFound {
                        return (index, nil)
                    }
                }
            }
            for try await (index, details) in group {
                if let details { items[index].add(details, pool.cluster) }
            }
        }
    }
}

extension Ceph.ImageDetails.Fields {
    fileprivate init(_ names: Set<String>) {
        self = []
        if names.contains("usage") { insert(.usage) }
        if names.contains("watchers") { insert(.watchers) }
        if names.contains("children") { insert(.clones) }
    }
}

extension RBDAPI.Image {
    fileprivate mutating func add(_ details: Ceph.ImageDetails, _ cluster: Cluster) {
        usage = details.usage.map(RBDAPI.ImageUsage.init)
        watchers = details.watchers?.map { ImageWatcher($0, in: cluster) }
        children = details.clones?.map(ImageChild.init)
    }
}

extension RBDAPI.ImageUsage {
    init(_ usage: Ceph.ImageUsage) {
        self.init(
            provisionedBytes: usage.provisionedBytes,
            usedBytes: usage.usedBytes,
            approximate: usage.isApproximate
        )
    }
}

extension ImageWatcher {
    init(_ watcher: ImageUse.Watcher, in cluster: Cluster) {
        self.init(
            client: watcher.client,
            address: watcher.address,
            cookie: watcher.cookie,
            own: cluster.isOwn(client: watcher.client, address: watcher.address)
        )
    }
}
