// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension ImageService {
    /// The maximum number of images that one request opens at the same time: half of the threads that one pool may have
    /// by default.
    private static let window = 6

    /// The fields that are not in an image's header. A request must ask for each by this name, which is also its JSON
    /// member.
    static let fields: Set<String> = ["usage", "watchers", "children", "mirroring", "migration", "encryption"]

    /// Adds the requested fields to an image.
    /// - Parameter fields: some of ``fields``.
    func add(_ fields: Set<String>, to image: inout RBDAPI.Image, in place: Place) async throws {
        guard !fields.isEmpty else { return }
        let pool = try images.pool(place)
        image.add(
            try await pool.details(Ceph.ImageDetails.Fields(fields), ofImage: image.name, id: image.id),
            pool.cluster
        )
    }

    /// Adds the requested fields to many images. An image that is being removed gets none. An image that can't be
    /// opened gets a `problem` that says why.
    func add(_ fields: Set<String>, to items: inout [RBDAPI.Image], in place: Place) async throws {
        guard !fields.isEmpty else { return }
        let pool = try images.pool(place)
        let wanted = Ceph.ImageDetails.Fields(fields)
        let whole = items.enumerated().filter { $0.element.state == "ready" }.map { ($0.offset, $0.element) }
        try await withThrowingTaskGroup(of: (Int, Result<Ceph.ImageDetails, CephError>).self) { group in
            for (number, (index, image)) in whole.enumerated() {
                if number >= Self.window, let (index, details) = try await group.next() {
                    items[index].add(details, pool.cluster)
                }
                group.addTask {
                    do {
                        return (index, .success(try await pool.details(wanted, ofImage: image.name, id: image.id)))
                    } catch let error as CephError
                        where !error.code.isOfTheWholePool || error.code == .credentialsRefused
                    {
                        // This includes clones whose parent is in a pool that the service may not read.
                        return (index, .failure(error))
                    }
                }
            }
            for try await (index, details) in group {
                items[index].add(details, pool.cluster)
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
        if names.contains("mirroring") { insert(.mirroring) }
        if names.contains("migration") { insert(.migration) }
        if names.contains("encryption") { insert(.encryption) }
    }
}

extension RBDAPI.Image {
    fileprivate mutating func add(_ details: Result<Ceph.ImageDetails, CephError>, _ cluster: Cluster) {
        switch details {
        case .success(let details): add(details, cluster)
        case .failure(let error): if error.code != .imageNotFound { problem = Problem(error) }
        }
    }

    fileprivate mutating func add(_ details: Ceph.ImageDetails, _ cluster: Cluster) {
        usage = details.usage.map(RBDAPI.ImageUsage.init)
        watchers = details.watchers?.map { ImageWatcher($0, in: cluster) }
        children = details.clones?.map(ImageChild.init)
        mirroring = details.mirroring.map(RBDAPI.ImageMirroring.init)
        migration = details.migration.map(RBDAPI.ImageMigration.init)
        encryption = details.encryption?.rawValue
    }
}

extension RBDAPI.ImageMirroring {
    fileprivate init(_ mirroring: Ceph.ImageMirroring) {
        self.init(
            mode: mirroring.mode?.rawValue ?? "unknown",
            state: mirroring.state?.rawValue ?? "unknown",
            globalID: mirroring.globalID,
            primary: mirroring.isPrimary
        )
    }
}

extension RBDAPI.ImageMigration {
    fileprivate init(_ migration: Ceph.ImageMigration) {
        let source = migration.source
        let spec = ImageSpec(pool: source.pool, namespace: source.namespace, image: source.image)
        let isKnown = !source.pool.isEmpty && !source.image.isEmpty && Access.current.may(.read, spec)
        self.init(
            source: isKnown ? spec.description : "",
            sourceID: isKnown ? source.imageID : "",
            state: migration.state?.rawValue ?? "unknown",
            detail: migration.detail
        )
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
