// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import Synchronization

/// The ids and sizes of images, as they were last read, and the images that volumes were seen with. They only save
/// reads: before a change, the image is read again.
final class KnownImages: Sendable {
    struct Image: Hashable, Sendable {
        var id: String
        var sizeBytes: UInt64
    }

    private struct State {
        var images: [ImageSpec: Image] = [:]
        /// The ids of images, by the uids of their volumes. They outlast the images.
        var seen: [String: String] = [:]
    }

    private let state = Mutex(State())

    /// The image of a volume; nil if it must be read. What is known of a name may be of an image that was there before
    /// the volume, and is gone: so it counts only for volumes that were seen with that image.
    func image(_ spec: ImageSpec, of uid: String) -> Image? {
        state.withLock { state in
            guard let image = state.images[spec], state.seen[uid] == image.id else { return nil }
            return image
        }
    }

    /// The id of the image that a volume was last seen with.
    func seenID(_ uid: String) -> String? { state.withLock { $0.seen[uid] } }

    /// An image was read for volumes. Images of the old format have no id, so they are read each time.
    func note(_ spec: ImageSpec, _ image: Image, for uids: [String]) {
        state.withLock { state in
            state.images[spec] = image
            guard !image.id.isEmpty else { return }
            for uid in uids { state.seen[uid] = image.id }
        }
    }

    /// The image is not there, or has changed.
    func forget(_ spec: ImageSpec) {
        state.withLock { $0.images[spec] = nil }
    }

    /// The volume is gone.
    func forget(uid: String) {
        state.withLock { $0.seen[uid] = nil }
    }

    /// Drops what is known of all other images and volumes.
    func keepOnly(_ specs: Set<ImageSpec>, _ uids: Set<String>) {
        state.withLock { state in
            state.images = state.images.filter { specs.contains($0.key) }
            state.seen = state.seen.filter { uids.contains($0.key) }
        }
    }

    /// Reads many images at once, without opening any of them.
    /// - Parameters:
    ///   - volumes: the uids of volumes, by the names of their images in the pool.
    ///   - batchLimit: how long each batch may take.
    /// - Returns: the names of the images that differ from what was known.
    func refresh(
        _ volumes: [String: [String]],
        in pool: Ceph.Pool,
        batchLimit: Duration
    ) async throws -> Set<String> {
        let names = Set(volumes.keys)
        var changed: Set<String> = []
        var missing = names
        var batches = pool.catalogue(where: { names.contains($0) }).makeAsyncIterator()
        while true {
            let current = batches
            let (batch, rest) = try await Deadline.$current.withValue(.now + batchLimit) {
                var batches = current
                return (try await batches.next(), batches)
            }
            batches = rest
            guard let batch else { break }
            for image in batch.images where image.trouble == nil && !image.isBeingRemoved {
                missing.remove(image.name)
                let spec = pool.place.image(image.name)
                let found = Image(id: image.id, sizeBytes: image.sizeBytes)
                let uids = volumes[image.name] ?? []
                if uids.contains(where: { self.image(spec, of: $0) != found }) { changed.insert(image.name) }
                note(spec, found, for: uids)
            }
        }
        for name in missing {
            forget(pool.place.image(name))
            changed.insert(name)
        }
        return changed
    }
}
