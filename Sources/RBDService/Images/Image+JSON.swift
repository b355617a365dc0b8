// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Naming
import RBDAPI

extension SeenJSON {
    init(image: Seen<Image>) {
        var writer = JSONWriter(capacity: JSONWriter.imageBytes)
        writer.image(image)
        self.init(writer)
    }
}

extension JSONWriter {
    /// The usual size of an image's JSON.
    static let imageBytes = 768

    /// Writes the same as `Image.encode(to:)`, with sorted keys.
    mutating func image(_ seen: Seen<Image>) {
        let image = seen.value
        object { json in
            json.member("accessedAt", image.accessedAt)
            json.member("children", image.children) { $0.array($1) { $0.child($1) } }
            json.member("createdAt", image.createdAt)
            json.member("dataPool", image.dataPool)
            json.member("encryption", image.encryption)
            json.member("features", image.features) { $0.array($1) { $0.string($1) } }
            json.member("flags", image.flags) { $0.array($1) { $0.string($1) } }
            json.member("group", image.group) { $0.group($1) }
            json.member("id", image.id)
            json.member("metadata", image.metadata) { $0.dictionary($1) { $0.string($1) } }
            json.member("migration", image.migration) { $0.migration($1) }
            json.member("mirroring", image.mirroring) { $0.mirroring($1) }
            json.member("modifiedAt", image.modifiedAt)
            json.member("name", image.name)
            json.member("namespace", image.namespace)
            json.member("objectSizeBytes", image.objectSizeBytes) { $0.number($1) }
            json.member("operationFeatures", image.operationFeatures) { $0.array($1) { $0.string($1) } }
            json.member("parent", image.parent) { $0.parent($1) }
            json.member("pool", image.pool)
            json.member("problem", image.problem) { $0.problem($1) }
            json.member("qos", image.qos) { json, qos in
                json.dictionary(Dictionary(uniqueKeysWithValues: qos.values.map { ($0.key.rawValue, $0.value) })) {
                    $0.number($1)
                }
            }
            json.member("sizeBytes", image.sizeBytes) { $0.number($1) }
            json.member("snapshotCount", image.snapshotCount) { $0.number($1) }
            json.member("spec", image.spec)
            json.member("state", image.state)
            json.member("stripeCount", image.stripeCount) { $0.number($1) }
            json.member("stripeUnitBytes", image.stripeUnitBytes) { $0.number($1) }
            json.member("usage", image.usage) { $0.usage($1) }
            json.member("watchers", image.watchers) { $0.array($1) { $0.watcher($1) } }
        }
    }

    /// Begins a page of images. The images follow.
    mutating func beginPage() {
        begin(.object)
        key("items")
        begin(.array)
    }

    mutating func endPage(nextCursor: String?) {
        end(.array)
        member("nextCursor", nextCursor)
        end(.object)
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

    private mutating func mirroring(_ mirroring: ImageMirroring) {
        object { json in
            json.member("globalId", mirroring.globalID)
            json.member("mode", mirroring.mode)
            json.member("primary", mirroring.primary)
            json.member("state", mirroring.state)
        }
    }

    private mutating func migration(_ migration: ImageMigration) {
        object { json in
            json.member("detail", migration.detail)
            json.member("source", migration.source)
            json.member("sourceId", migration.sourceID)
            json.member("state", migration.state)
        }
    }

    private mutating func group(_ group: ImageGroup) {
        object { json in
            json.member("name", group.name)
            json.member("namespace", group.namespace)
            json.member("pool", group.pool)
            json.member("spec", group.spec)
        }
    }

    private mutating func child(_ child: ImageChild) {
        object { json in
            json.member("image", child.image)
            json.member("imageId", child.imageID)
            json.member("inTrash", child.inTrash)
            json.member("namespace", child.namespace)
            json.member("pool", child.pool)
            json.member("snapshot", child.snapshot)
            json.member("spec", child.spec)
        }
    }

    private mutating func watcher(_ watcher: ImageWatcher) {
        object { json in
            json.member("address", watcher.address)
            json.member("client", watcher.client)
            json.member("cookie", watcher.cookie)
            json.member("own", watcher.own)
        }
    }

    /// Writes the problem of an image. Other members of `Problem` are never set there.
    private mutating func problem(_ problem: Problem) {
        object { json in
            json.member("code", problem.code)
            json.member("detail", problem.detail)
            if let errno = problem.errno { json.member("errno", errno) }
            if let field = problem.field { json.member("field", field) }
            if let hint = problem.hint { json.member("hint", hint) }
            if let remedy = problem.remedy {
                json.key("remedy")
                json.remedy(remedy)
            }
            json.member("retryable", problem.retryable)
            json.member("status", problem.status)
            json.member("title", problem.title)
            json.member("type", problem.type)
        }
    }

    private mutating func remedy(_ remedy: Remedy) {
        object { json in
            json.member("action", remedy.action.rawValue)
            if let cancellable = remedy.cancellable { json.member("cancellable", cancellable) }
            if let field = remedy.field { json.member("field", field) }
            if let kind = remedy.kind { json.member("kind", kind.rawValue) }
            if let subject = remedy.subject { json.member("subject", subject) }
            if let value = remedy.value { json.member("value", value) }
        }
    }

    private mutating func usage(_ usage: ImageUsage) {
        object { json in
            json.member("approximate", usage.approximate)
            json.member("provisionedBytes", usage.provisionedBytes)
            json.member("usedBytes", usage.usedBytes) { $0.number($1) }
        }
    }

    private mutating func dictionary<Value>(
        _ values: [String: Value],
        _ write: (inout JSONWriter, Value) -> Void
    ) {
        object { json in
            // Sorted by their bytes, as JSONEncoder does. `<` on strings compares by Unicode equivalence.
            for (key, value) in values.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                json.key(key)
                write(&json, value)
            }
        }
    }
}
