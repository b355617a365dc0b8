// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import RBDAPI

extension ByteBuffer {
    /// An image as JSON.
    init(_ image: Image) {
        var writer = JSONWriter(capacity: JSONWriter.imageBytes)
        writer.image(image)
        self = writer.buffer
    }

    /// A page of images as JSON.
    init(_ page: Page<Image>) {
        var writer = JSONWriter(capacity: JSONWriter.imageBytes * (page.items.count + 1))
        writer.page(page)
        self = writer.buffer
    }
}

extension JSONWriter {
    /// How long an image is, for the most part.
    static let imageBytes = 640

    /// What `Image.encode(to:)` writes, with its keys sorted.
    mutating func image(_ image: Image) {
        object { json in
            json.member("createdAt", image.createdAt)
            json.member("dataPool", image.dataPool)
            json.key("features")
            json.array { json in
                for feature in image.features { json.string(feature) }
            }
            json.member("id", image.id)
            json.key("metadata")
            json.dictionary(image.metadata) { $0.string($1) }
            json.member("name", image.name)
            json.member("namespace", image.namespace)
            json.member("objectSizeBytes", image.objectSizeBytes)
            json.key("parent")
            json.parent(image.parent)
            json.member("pool", image.pool)
            json.key("qos")
            json.dictionary(image.qos.map { Dictionary($0.values.map { ($0.key.rawValue, $0.value) }) { $1 } }) {
                $0.number($1)
            }
            json.member("sizeBytes", image.sizeBytes)
            json.member("snapshotCount", image.snapshotCount)
            json.member("spec", image.spec)
            json.member("state", image.state)
            json.member("stripeCount", image.stripeCount)
            json.member("stripeUnitBytes", image.stripeUnitBytes)
            json.key("usage")
            json.usage(image.usage)
        }
    }

    /// A page of images.
    mutating func page(_ page: Page<Image>) {
        object { json in
            json.key("items")
            json.array { json in
                for image in page.items { json.image(image) }
            }
            json.member("nextCursor", page.nextCursor)
        }
    }

    private mutating func parent(_ parent: ParentImage?) {
        guard let parent else { return null() }
        object { json in
            json.member("image", parent.image)
            json.member("imageId", parent.imageID)
            json.member("namespace", parent.namespace)
            json.member("overlapBytes", parent.overlapBytes)
            json.member("pool", parent.pool)
            json.member("snapshot", parent.snapshot)
            json.member("spec", parent.spec)
        }
    }

    private mutating func usage(_ usage: ImageUsage?) {
        guard let usage else { return null() }
        object { json in
            json.key("approximate")
            json.flag(usage.approximate)
            json.member("provisionedBytes", usage.provisionedBytes)
            json.key("usedBytes")
            if let used = usage.usedBytes { json.number(used) } else { json.null() }
        }
    }

    private mutating func dictionary<Value>(
        _ values: [String: Value]?,
        _ write: (inout JSONWriter, Value) -> Void
    ) {
        guard let values else { return null() }
        object { json in
            // By their bytes, as JSONEncoder sorts them: `<` on texts goes by what is the same to Unicode.
            for (key, value) in values.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                json.key(key)
                write(&json, value)
            }
        }
    }
}
