// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import Synchronization

/// The ids and sizes of images, as they were last read. They only save reads: before a change, the image is read again.
final class KnownImages: Sendable {
    struct Image: Hashable, Sendable {
        var id: String
        var sizeBytes: UInt64
    }

    private let images = Mutex<[ImageSpec: Image]>([:])

    subscript(spec: ImageSpec) -> Image? { images.withLock { $0[spec] } }

    /// - Parameter image: nil if it is not there.
    func note(_ spec: ImageSpec, _ image: Image?) {
        images.withLock { $0[spec] = image }
    }

    /// Drops all others.
    func keepOnly(_ specs: Set<ImageSpec>) {
        images.withLock { images in images = images.filter { specs.contains($0.key) } }
    }

    /// Reads many images at once, without opening any of them.
    /// - Parameters:
    ///   - names: the names of the images in the pool.
    ///   - batchLimit: how long each batch may take.
    /// - Returns: the names of those that differ from what was known.
    func refresh(_ names: Set<String>, in pool: Ceph.Pool, batchLimit: Duration) async throws -> Set<String> {
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
                if self[spec] != found { changed.insert(image.name) }
                note(spec, found)
            }
        }
        for name in missing {
            note(pool.place.image(name), nil)
            changed.insert(name)
        }
        return changed
    }
}
