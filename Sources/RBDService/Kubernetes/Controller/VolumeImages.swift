// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Kubernetes
import Logging
import Naming
import RBDAPI
import Synchronization

/// The images of volumes. They are changed only by the services that the HTTP API and the webhook use.
struct VolumeImages: Sendable {
    let volumes: VolumeService
    let trashDelay: Duration
    let audit: AuditLog
    let logger: Logger
    let known = KnownImages()
    private let lastFsid = LastFsid()

    /// It outlasts a connection to the cluster.
    private final class LastFsid: Sendable {
        let value = Mutex<String?>(nil)
    }

    /// - Parameter trashDelay: how long an image can be restored.
    init(_ volumes: VolumeService, trashDelay: Duration, audit: AuditLog, logger: Logger) {
        (self.volumes, self.trashDelay, self.audit, self.logger) = (volumes, trashDelay, audit, logger)
    }

    var rules: VolumeRules { volumes.rules }

    var access: ImageAccess { volumes.images.images }

    /// The cluster's fsid. While there is no connection, it is the one of the last connection.
    /// - Throws: `CephError` with `.clusterUnreachable` before the first connection.
    func fsid() throws -> String {
        do {
            let fsid = try access.connection.cluster().fsid
            lastFsid.value.withLock { $0 = fsid }
            return fsid
        } catch {
            guard let last = lastFsid.value.withLock({ $0 }) else { throw error }
            return last
        }
    }

    /// The volume is gone.
    func forget(uid: String) {
        known.forget(uid: uid)
    }

    // MARK: Reading

    /// - Parameter isFresh: whether the image must be read now.
    func fact(of demand: VolumeDemand, for volume: WatchedVolume, isFresh: Bool) async throws -> ImageFact {
        let spec = demand.place.image(demand.image)
        if !isFresh, let image = known.image(spec, of: volume.uid) {
            return .there(id: image.id, sizeBytes: image.sizeBytes)
        }
        let found: ImageInfo?
        do {
            found = try await access.existing(demand.image, in: demand.place)
        } catch let error as CephError where error.code == .imageIncomplete {
            // Somebody was interrupted while creating it; creating it again repairs that. Of an image that was there,
            // it may be the rest.
            guard !volume.isBeingDeleted, expectedID(volume) == nil else { throw error }
            return .missing(.neverSeen)
        }
        guard let found else {
            known.forget(spec)
            return .missing(try await absence(of: demand, volume))
        }
        if found.isBeingRemoved {
            known.forget(spec)
            return .beingRemoved
        }
        known.note(spec, .init(id: found.id, sizeBytes: found.sizeBytes), for: [volume.uid])
        return .there(id: found.id, sizeBytes: found.sizeBytes)
    }

    /// The image that the volume had. An image that was there once is never created again.
    private func expectedID(_ volume: WatchedVolume) -> String? { volume.imageID ?? known.seenID(volume.uid) }

    private func absence(of demand: VolumeDemand, _ volume: WatchedVolume) async throws -> ImageFact.Absence {
        // Nothing is made for it any more.
        if volume.isBeingDeleted { return .neverSeen }
        let expected = expectedID(volume)
        let name = demand.image
        let entries = try await access.pool(demand.place).trash(where: { $0 == name }).map(\.entry)
        let own = entries.first { entry in
            if let expected { return entry.id == expected }
            // An image that was deleted before was that of another volume.
            guard let creation = volume.createdAt else { return true }
            return entry.deletedAt.date.timeIntervalSince1970 >= Double(creation.microseconds) / 1_000_000
        }
        if let own { return .inTrash(id: own.id) }
        return expected == nil ? .neverSeen : .lost
    }

    /// The clients that have an image open, or have locks on it.
    func clients(ofImageID id: String, _ demand: VolumeDemand) async throws -> [ImageClient] {
        let pool = try access.pool(demand.place)
        let use = try await id.isEmpty ? pool.use(ofImage: demand.image) : pool.use(ofImageID: id)
        var seen: Set<ImageClient> = []
        let all =
            use.watchers.map { ImageClient(name: $0.client, address: $0.address) }
            + use.locks.map { ImageClient(name: $0.client, address: $0.address) }
        return all.filter { seen.insert($0).inserted }
    }

    /// The claim for which the image is adopted; nil if it is not adopted, or only as this static volume.
    /// - Parameter volume: the name of the volume.
    func adopter(ofImageID id: String, _ demand: VolumeDemand, except volume: String) async throws -> String? {
        guard !id.isEmpty else { return nil }
        let adoption = try await AdoptionStore(access.pool(demand.place)).adoption(ofImageID: id)?.adoption
        return adoption.flatMap { $0.isStaticVolume(volume) ? nil : $0.claim }
    }

    /// Reads the sizes of many images at once.
    /// - Parameters:
    ///   - volumes: the uids of volumes, by the names of their images in the place.
    ///   - batchLimit: how long the read of a batch may take.
    /// - Returns: the names of the images that differ from what was known.
    func refresh(
        _ volumes: [String: [String]],
        in place: Place,
        batchLimit: Duration
    ) async throws -> Set<String> {
        try await known.refresh(volumes, in: access.pool(place), batchLimit: batchLimit)
    }

    /// Drops what is known of all other images and volumes.
    func keepOnly(_ specs: Set<ImageSpec>, _ uids: Set<String>) {
        known.keepOnly(specs, uids)
    }

    // MARK: Changing

    /// Creates the image, as the webhook does.
    func create(_ object: StoredVolume, _ demand: VolumeDemand) async throws {
        let spec = demand.place.image(demand.image)
        defer { known.forget(spec) }
        try await audit.recording(.create, spec, volume: object.metadata.name, logger: logger) {
            _ = try await volumes.ensure(PersistentVolume(object), isDryRun: false)
        }
    }

    /// Makes the image as large as its volume. An image that has grown even more meanwhile stays as it is: the service
    /// never makes one smaller without a confirmation.
    /// - Returns: whether the image was enlarged, or had the size already.
    func grow(_ demand: VolumeDemand, volume: String) async throws -> Bool {
        let spec = demand.place.image(demand.image)
        defer { known.forget(spec) }
        var request = UpdateImageRequest()
        request.size = ByteCount(demand.sizeBytes)
        let change = request
        return try await audit.recording(.modify, spec, volume: volume, logger: logger) {
            do {
                _ = try await volumes.images.update(demand.image, change, in: demand.place, if: .none, isDryRun: false)
                return true
            } catch let problem as Problem where problem.kind == .confirmationRequired {
                return false
            }
        }
    }

    /// Moves the image to the trash, if it still is the image with the id, and nothing uses it.
    /// - Parameter requireAllowed: called while the image is claimed, before it is moved. It throws if it must not be
    ///   moved.
    /// - Returns: the entry in the trash; nil if the image was only a name.
    func moveToTrash(
        _ demand: VolumeDemand,
        imageID: String,
        volume: String,
        requireAllowed: () async throws -> Void
    ) async throws -> RBDAPI.TrashedImage? {
        let (place, name) = (demand.place, demand.image)
        let spec = place.image(name)
        defer { known.forget(spec) }
        let outcome = try await audit.recording(.delete, spec, volume: volume, logger: logger) {
            try await access.changing(name, in: place, for: .deleteImage, .moveToTrash, isQuiet: true) {
                (image: ImageInfo) async throws -> Attempt<ImageDeletion.Outcome> in
                guard image.id == imageID else { throw CephError(.imageChanged, .moveToTrash, on: .image(spec)) }
                try await requireAllowed()
                return try await volumes.images.deletion.delete(
                    image,
                    in: place,
                    keptFor: trashDelay,
                    with: volume,
                    isDryRun: false
                )
            }
        }
        guard case .done(.trashed(let entry)) = outcome else { return nil }
        return entry
    }
}
