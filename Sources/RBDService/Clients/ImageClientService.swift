// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of locks and watchers. Breaking a lock and evicting a watcher shut a client out of the cluster. So the
/// request must confirm them with the client's name, and they are never done to the service itself.
///
/// These changes do not wait for other changes of the image in this process. One of those may be inside librbd, waiting
/// for the very lock that is to be broken. Both would wait forever.
struct ImageClientService: Sendable {
    let images: ImageAccess
    let operations: OperationStore

    private static let interval = Duration.milliseconds(100)

    // MARK: Reading

    func locks(of image: ImageSpec) async throws -> ImageLocks {
        let pool = try images.pool(image.place)
        return ImageLocks(
            items: try await pool.locks(ofImage: image.image).map { lock in
                ImageLock(
                    client: lock.client,
                    address: lock.address,
                    cookie: lock.cookie,
                    exclusive: lock.isExclusive,
                    managed: lock.isManaged,
                    own: pool.cluster.isOwn(client: lock.client, address: lock.address)
                )
            }
        )
    }

    func watchers(of image: ImageSpec) async throws -> ImageWatchers {
        let pool = try images.pool(image.place)
        return ImageWatchers(
            items: try await pool.watchers(ofImage: image.image).map { ImageWatcher($0, in: pool.cluster) }
        )
    }

    // MARK: Locks

    /// - Parameters:
    ///   - cookie: the cookie of the lock; nil if the client has only one lock.
    ///   - confirmation: must be the client's name; a dry run needs none.
    func breakLock(
        of image: ImageSpec,
        heldBy client: String,
        cookie: String?,
        confirmation: String?,
        isDryRun: Bool
    ) async throws -> Attempt<Void> {
        try Self.requireConfirmation(confirmation, of: client, isDryRun: isDryRun, for: "breaking a lock")
        let pool = try images.pool(image.place)
        let lock = try Self.choose(try await pool.locks(ofImage: image.image), client, cookie, image)
        // This service only takes librbd's managed locks. A lock of another kind may be what an operation waits for, so
        // it may be broken.
        if lock.isManaged { try await requireNoOperation(on: image, in: pool) }
        guard !pool.cluster.isOwn(client: lock.client, address: lock.address) else {
            throw CephError(.ownClient, .breakLock, on: pool.resource(ofImage: image.image), detail: client)
        }
        if isDryRun {
            let detail =
                "\"\(lock.cookie)\" of \(client) at \(lock.address); this shuts the client out of the cluster (blocklists it), "
                + "with everything it has open, unless rbd_blocklist_on_break_lock is false"
            return Attempt(Plan.Step(.breakLock, "\(image)", detail: detail))
        }
        try await pool.breakLock(ofImage: image.image, heldBy: client, cookie: lock.cookie)
        return .done(())
    }

    private static func choose(
        _ locks: [ImageUse.Lock],
        _ client: String,
        _ cookie: String?,
        _ image: ImageSpec
    ) throws(Problem) -> ImageUse.Lock {
        let held = locks.filter { $0.client == client }
        let hint = "its locks are \(held.map { "\"\($0.cookie)\"" }.joined(separator: ", "))"
        let meant = cookie.map { cookie in held.filter { $0.cookie == cookie } } ?? held
        switch (meant.first, meant.count) {
        case (let lock?, 1): return lock
        case (_?, let count):
            throw Problem(
                .invalidParameter,
                "cookie",
                "\(client) holds \(count) locks on image \"\(image)\", so the lock must be named",
                hint: hint
            )
        case (nil, _) where !held.isEmpty:
            throw Problem(
                .lockNotFound,
                detail: "\(client) holds no lock with that cookie on image \"\(image)\"",
                field: "cookie",
                hint: hint
            )
        case (nil, _):
            throw Problem(
                .lockNotFound,
                detail: "\(client) holds no lock on image \"\(image)\"",
                field: "client",
                remedy: .listLocks(of: image)
            )
        }
    }

    // MARK: Watchers

    /// Shuts a client out of the cluster, and waits until its watch is gone.
    /// - Parameter confirmation: must be the client's name; a dry run needs none.
    func evict(
        _ client: String,
        from image: ImageSpec,
        confirmation: String?,
        isDryRun: Bool
    ) async throws -> Attempt<Void> {
        try Self.requireConfirmation(confirmation, of: client, isDryRun: isDryRun, for: "evicting a client")
        let pool = try images.pool(image.place)
        let resource = pool.resource(ofImage: image.image)
        guard let watcher = try await pool.watchers(ofImage: image.image).first(where: { $0.client == client }) else {
            throw CephError(.watcherNotFound, .evictClient, on: resource, detail: client)
        }
        // The client may be another replica of this service.
        try await requireNoOperation(on: image, in: pool)
        guard !pool.cluster.isOwn(client: watcher.client, address: watcher.address) else {
            throw CephError(.ownClient, .evictClient, on: resource, detail: client)
        }
        if isDryRun {
            let detail =
                "at \(watcher.address); this shuts the client out of the cluster (blocklists it), with everything it has open, "
                + "for an hour unless mon_osd_blocklist_default_expire says otherwise"
            return Attempt(Plan.Step(.evictClient, client, detail: detail))
        }
        try await pool.evictClient(client, ofImage: image.image)
        try await waitForEnd(of: client, image, in: pool)
        return .done(())
    }

    private func waitForEnd(of client: String, _ image: ImageSpec, in pool: Ceph.Pool) async throws {
        do {
            while try await pool.watchers(ofImage: image.image).contains(where: { $0.client == client }) {
                // Leave time to send the response.
                if let deadline = Deadline.current, deadline - .now < Self.interval * 3 {
                    throw CephError(.timedOut, .readImage, on: pool.resource(ofImage: image.image))
                }
                try await Task.sleep(for: Self.interval)
            }
        } catch let error as CephError {
            switch error.code {
            // The image is gone, and the watch with it.
            case .imageNotFound: return
            case .timedOut, .notStarted:
                throw Problem(
                    .deadlineExceeded,
                    detail: "\(client) is shut out of the cluster, but still counts as a client of image \"\(image)\"",
                    field: "client",
                    remedy: .listWatchers(of: image)
                )
            default: throw error
            }
        }
    }

    // MARK: Parts

    private static func requireConfirmation(
        _ confirmation: String?,
        of client: String,
        isDryRun: Bool,
        for change: String
    ) throws(Problem) {
        let consequence = "\(change) shuts \(client) out of the cluster, with everything it has open"
        try Confirmation.require(confirmation, of: client, .watcher, isDryRun: isDryRun, consequence)
    }

    /// - Throws: `Problem` with `operation-in-progress` if an operation on the image is not finished, or if the image
    ///   is an unfinished copy.
    private func requireNoOperation(on image: ImageSpec, in pool: Ceph.Pool) async throws {
        let id = try await pool.image(named: image.image).id
        try await operations.requireNoOperation(onImage: id, spec: image)
        try await operations.requireNoCopy(inTheMaking: image)
    }
}
