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
            json.member("metadata", image.metadata) { $0.dictionary($1) { $0.string($1) } }
            json.member("name", image.name)
            json.member("namespace", image.namespace)
            json.member("objectSizeBytes", image.objectSizeBytes)
            json.member("parent", image.parent) { $0.parent($1) }
            json.member("pool", image.pool)
            json.member("qos", image.qos) { json, qos in
                json.dictionary(Dictionary(uniqueKeysWithValues: qos.values.map { ($0.key.rawValue, $0.value) })) {
                    $0.number($1)
                }
            }
            json.member("sizeBytes", image.sizeBytes)
            json.member("snapshotCount", image.snapshotCount)
            json.member("spec", image.spec)
            json.member("state", image.state)
            json.member("stripeCount", image.stripeCount)
            json.member("stripeUnitBytes", image.stripeUnitBytes)
            json.member("usage", image.usage) { $0.usage($1) }
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

    private mutating func parent(_ parent: ParentImage) {
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

    private mutating func usage(_ usage: ImageUsage) {
        object { json in
            json.key("approximate")
            json.flag(usage.approximate)
            json.member("provisionedBytes", usage.provisionedBytes)
            json.member("usedBytes", usage.usedBytes) { $0.number($1) }
        }
    }

    private mutating func dictionary<Value>(
        _ values: [String: Value],
        _ write: (inout JSONWriter, Value) -> Void
    ) {
        object { json in
            // By their bytes, as JSONEncoder sorts them: `<` on texts goes by what is the same to Unicode.
            for (key, value) in values.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                json.key(key)
                write(&json, value)
            }
        }
    }
}
