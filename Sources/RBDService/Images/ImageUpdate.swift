// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The changes that a request makes to an image, in the order in which they are made. Changes that can be undone come
/// first. Features are disabled late, because an object map that is enabled again is empty. The size comes last.
/// Shrinking takes longer the more data there is to remove, so it is an operation.
struct ImageUpdate {
    struct Step {
        var field: String
        var change: ImageChange
        var plan: Plan.Step

        init(_ action: Plan.Action, _ spec: ImageSpec, _ field: String, _ change: ImageChange, _ detail: String) {
            (self.field, self.change) = (field, change)
            plan = Plan.Step(action, "\(spec)", detail: detail)
        }

        /// Whether undoing this step leaves the image without a valid object map.
        var dropsObjectMap: Bool {
            guard case .features(let features, isEnabled: false) = change else { return false }
            return !features.isDisjoint(with: [.objectMap, .fastDiff])
        }
    }

    /// A shrink to a smaller size.
    struct Shrink {
        var bytes: UInt64
        var plan: Plan.Step
    }

    /// The changes that are made immediately.
    let steps: [Step]
    /// The shrink that follows them.
    let shrink: Shrink?
    /// Whether a full pool would refuse the changes. Changes of the header alone need no free space.
    let needsRoom: Bool
    /// Whether the changes would disturb a running operation, which relies on the name and the size that it found.
    let conflictsWithOperations: Bool
    /// The image's name afterwards.
    let name: String
    /// Whether the object map must be rebuilt: a newly enabled map does not know the existing objects.
    let needsObjectMap: Bool

    /// - Throws: `Problem` with `invalid-size`, `confirmation-required`, `invalid-name`, `invalid-features`,
    ///   `invalid-metadata`, `invalid-qos`.
    init(_ request: UpdateImageRequest, of image: ImageInfo, in place: Place) throws(Problem) {
        let spec = place.image(image.name)
        name = request.name ?? image.name
        var steps = try Self.metadata(request, of: image, spec)
        steps += try Self.qos(request, of: image, spec)
        let (disabled, enabled) = try FeatureRules.changes(request, of: image)
        if !enabled.isEmpty {
            let change = ImageChange.features(enabled, isEnabled: true)
            steps.append(Step(.enableFeatures, spec, "enableFeatures", change, enabled.names.joined(separator: ", ")))
        }
        needsObjectMap = !enabled.isDisjoint(with: [.objectMap, .fastDiff])
        if name != image.name {
            try ImageRules.checkName(name, field: "name", what: "image")
            steps.append(Step(.renameImage, spec, "name", .rename(name), "to \(place.image(name))"))
        }
        if !disabled.isEmpty {
            let change = ImageChange.features(disabled, isEnabled: false)
            steps.append(
                Step(.disableFeatures, spec, "disableFeatures", change, disabled.names.joined(separator: ", "))
            )
        }
        let size = try Self.size(request, of: image, spec)
        if image.features.union(enabled).subtracting(disabled).contains(.objectMap) {
            try Self.requireMapFits(size, of: image, spec, isNew: enabled.contains(.objectMap))
        }
        let way = "from \(image.sizeBytes) to \(size ?? image.sizeBytes) bytes"
        let isGrown = size.map { $0 > image.sizeBytes } ?? false
        if let size, isGrown { steps.append(Step(.growImage, spec, "size", .grow(bytes: size), way)) }
        shrink = size.flatMap { size in
            guard size < image.sizeBytes else { return nil }
            let detail = "\(way), as an operation; all data beyond the new size is lost permanently"
            return Shrink(
                bytes: size,
                plan: Plan.Step(.shrinkImage, "\(place.image(request.name ?? image.name))", detail: detail)
            )
        }
        conflictsWithOperations = size != nil || name != image.name
        needsRoom = needsObjectMap || (isGrown && image.features.contains(.objectMap))
        self.steps = steps
    }

    /// Refuses an object map that would be too large. librbd's own error gives no reason.
    /// - Parameters:
    ///   - size: the image's new size; nil if it does not change.
    ///   - isNew: whether this request enables the object map.
    private static func requireMapFits(
        _ size: UInt64?,
        of image: ImageInfo,
        _ spec: ImageSpec,
        isNew: Bool
    ) throws(Problem) {
        guard isNew || size ?? 0 > image.sizeBytes,
            let objection = ImageRules.objectionToMap(size ?? image.sizeBytes, objectBytes: image.objectSizeBytes)
        else { return }
        if isNew {
            throw Problem(.invalidFeatures, "enableFeatures", objection, hint: "leave out object-map and fast-diff")
        }
        throw Problem(.invalidSize, "size", objection, hint: "disable object-map and fast-diff of \(spec)")
    }

    /// - Returns: nil if the size does not change.
    private static func size(
        _ request: UpdateImageRequest,
        of image: ImageInfo,
        _ spec: ImageSpec
    ) throws(Problem) -> UInt64? {
        guard let size = request.size else { return nil }
        guard size.bytes > 0 else {
            throw Problem(.invalidSize, "size", "it must be at least 1 byte")
        }
        guard size.bytes < image.sizeBytes else { return size.bytes == image.sizeBytes ? nil : size.bytes }
        let loss =
            "size: image \"\(spec)\" has \(ByteCount(image.sizeBytes)); all data beyond \(size) would be lost permanently"
        guard request.allowShrink == true, request.confirmSize == size else {
            let missing = request.allowShrink == true ? "confirmSize" : "allowShrink"
            throw Problem(.confirmationRequired, detail: loss, field: missing, remedy: .confirmShrink(to: size))
        }
        return size.bytes
    }

    private static func metadata(
        _ request: UpdateImageRequest,
        of image: ImageInfo,
        _ spec: ImageSpec
    ) throws(Problem) -> [Step] {
        var steps: [Step] = []
        // Sorted, so that the same request always does the same.
        for (key, value) in (request.metadata ?? [:]).sorted(by: { $0.key < $1.key }) {
            try check(key, value)
            guard image.metadata?[key] != value else { continue }
            let action: Plan.Action = value == nil ? .removeMetadata : .setMetadata
            steps.append(Step(action, spec, "metadata", .metadata(key: key, value: value), key))
        }
        return steps
    }

    private static func check(_ key: String, _ value: String?) throws(Problem) {
        func refuse(_ reason: String, remedy: Remedy? = nil) -> Problem {
            Problem(.invalidMetadata, "metadata", reason, remedy: remedy)
        }
        guard !key.isEmpty, !key.utf8.contains(0), key.utf8.count <= 256 else {
            throw refuse("a key must have from 1 to 256 bytes, none of them zero")
        }
        if let limit = QoSLimit.byMetadataKey[key] {
            throw refuse("\"\(key)\" is one of the image's limits", remedy: .setLimit(limit))
        }
        // An OSD refuses omap values that are much larger.
        guard let value else { return }
        guard !value.utf8.contains(0), value.utf8.count <= 64 << 10 else {
            throw refuse("the value of \"\(key)\" has more than 64 KiB, or contains a zero byte")
        }
    }

    private static func qos(
        _ request: UpdateImageRequest,
        of image: ImageInfo,
        _ spec: ImageSpec
    ) throws(Problem) -> [Step] {
        guard let changes = request.qos?.values else { return [] }
        let now = image.qos.values
        var then = now
        var steps: [Step] = []
        for limit in QoSLimit.allCases {
            guard let requested = changes[limit] else { continue }
            let value = requested?.bytes
            if limit.isSeconds, value == 0 {
                throw Self.invalid(limit, "it must be at least 1")
            }
            then[limit] = value
            guard now[limit] != value else { continue }
            let way =
                "\(limit.rawValue) from \(now[limit].map(String.init) ?? "none") to \(value.map(String.init) ?? "none")"
            let change = ImageChange.metadata(key: limit.metadataKey, value: value.map(String.init))
            steps.append(Step(.setQoS, spec, "qos.\(limit.rawValue)", change, way))
        }
        // librbd accepts such a pair, and then enforces neither limit.
        for burst in QoSLimit.allCases {
            guard let limit = burst.limitOfBurst, let most = then[burst], most > 0, let usual = then[limit],
                most < usual
            else { continue }
            throw Self.invalid(burst, "it must not be below \(limit.rawValue), which is \(usual)")
        }
        return steps
    }

    private static func invalid(_ limit: QoSLimit, _ reason: String) -> Problem {
        Problem(.invalidQoS, "qos.\(limit.rawValue)", reason)
    }
}

extension ImageInfo {
    /// The QoS limits, which are stored as metadata.
    var qos: ImageQoS {
        var values: [QoSLimit: UInt64] = [:]
        for (key, value) in metadata ?? [:] {
            if let limit = QoSLimit.byMetadataKey[key] { values[limit] = UInt64(value) }
        }
        return ImageQoS(values: values)
    }

    /// The metadata without the QoS limits.
    var plainMetadata: [String: String]? {
        metadata?.filter { QoSLimit.byMetadataKey[$0.key] == nil }
    }
}
