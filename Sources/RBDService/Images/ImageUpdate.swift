// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The changes that take an image from what it is to what it is to be, in the order in which they are made: what can be
/// undone first; features are disabled late, because a map that is switched on again is empty; the size comes last. To make it
/// smaller takes as long as there is data to remove, and is an operation.
struct ImageUpdate {
    struct Step {
        var field: String
        var change: ImageChange
        var plan: Plan.Step

        /// Whether undoing it leaves the image without a valid object map.
        var dropsObjectMap: Bool {
            guard case .features(let features, isEnabled: false) = change else { return false }
            return !features.isDisjoint(with: [.objectMap, .fastDiff])
        }
    }

    /// What a smaller size comes to.
    struct Shrink {
        var bytes: UInt64
        var plan: Plan.Step
    }

    /// What is made at once.
    let steps: [Step]
    /// What comes after that.
    let shrink: Shrink?
    /// Whether a full pool refuses it: what goes into the header takes none of its room.
    let needsRoom: Bool
    /// Whether it would come in the way of an operation, which goes by the name, or by the size that it found.
    let needsPeace: Bool
    /// The image's name afterwards.
    let name: String
    /// An object map that is switched on knows nothing of what is there.
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
            let plan = Plan.Step("enable-features", "\(spec)", detail: enabled.names.joined(separator: ", "))
            steps.append(Step(field: "enableFeatures", change: .features(enabled, isEnabled: true), plan: plan))
        }
        needsObjectMap = !enabled.isDisjoint(with: [.objectMap, .fastDiff])
        if name != image.name {
            try ImageRules.checkName(name, field: "name", what: "image")
            let plan = Plan.Step("rename-image", "\(spec)", detail: "to \(place.image(name))")
            steps.append(Step(field: "name", change: .rename(name), plan: plan))
        }
        if !disabled.isEmpty {
            let plan = Plan.Step("disable-features", "\(spec)", detail: disabled.names.joined(separator: ", "))
            steps.append(
                Step(field: "disableFeatures", change: .features(disabled, isEnabled: false), plan: plan)
            )
        }
        let size = try Self.size(request, of: image, spec)
        if image.features.union(enabled).subtracting(disabled).contains(.objectMap) {
            try Self.requireMapFits(size, of: image, spec, isNew: enabled.contains(.objectMap))
        }
        let way = "from \(image.sizeBytes) to \(size ?? image.sizeBytes) bytes"
        let isGrown = size.map { $0 > image.sizeBytes } ?? false
        if let size, isGrown {
            let plan = Plan.Step("grow-image", "\(spec)", detail: way)
            steps.append(Step(field: "size", change: .grow(bytes: size), plan: plan))
        }
        shrink = size.flatMap { size in
            guard size < image.sizeBytes else { return nil }
            let detail = "\(way), as an operation; what lies beyond is lost for ever"
            return Shrink(
                bytes: size,
                plan: Plan.Step("shrink-image", "\(place.image(request.name ?? image.name))", detail: detail)
            )
        }
        needsPeace = size != nil || name != image.name
        needsRoom = needsObjectMap || (isGrown && image.features.contains(.objectMap))
        self.steps = steps
    }

    /// librbd refuses a larger one with an error that says nothing.
    /// - Parameters:
    ///   - size: the image's new size; nil where it stays as it is.
    ///   - isNew: whether the object map is enabled by this request.
    private static func requireMapFits(
        _ size: UInt64?,
        of image: ImageInfo,
        _ spec: ImageSpec,
        isNew: Bool
    ) throws(Problem) {
        guard isNew || size ?? 0 > image.sizeBytes,
            let objection = ImageRules.objectionToMap(size ?? image.sizeBytes, objectBytes: image.objectSizeBytes)
        else { return }
        let field = isNew ? "enableFeatures" : "size"
        throw Problem(
            isNew ? .invalidFeatures : .invalidSize,
            detail: "\(field): \(objection)",
            field: field,
            hint: isNew
                ? "leave out object-map and fast-diff"
                : "disable object-map and fast-diff of \(spec)"
        )
    }

    /// - Returns: nil where the size stays as it is.
    private static func size(
        _ request: UpdateImageRequest,
        of image: ImageInfo,
        _ spec: ImageSpec
    ) throws(Problem) -> UInt64? {
        guard let size = request.size else { return nil }
        guard size.bytes > 0 else {
            throw Problem(.invalidSize, detail: "size: it must be at least 1 byte", field: "size")
        }
        guard size.bytes < image.sizeBytes else { return size.bytes == image.sizeBytes ? nil : size.bytes }
        let loss =
            "size: image \"\(spec)\" has \(ByteCount(image.sizeBytes)); what lies beyond \(size) would be lost for ever"
        guard request.allowShrink == true else {
            throw Problem(
                .confirmationRequired,
                detail: loss,
                field: "allowShrink",
                remedy: .confirmShrink(to: size)
            )
        }
        guard request.confirmSize == size else {
            throw Problem(
                .confirmationRequired,
                detail: loss,
                field: "confirmSize",
                remedy: .confirmShrink(to: size)
            )
        }
        return size.bytes
    }

    private static func metadata(
        _ request: UpdateImageRequest,
        of image: ImageInfo,
        _ spec: ImageSpec
    ) throws(Problem) -> [Step] {
        var steps: [Step] = []
        // In an order, so that the same request always does the same.
        for (key, value) in (request.metadata ?? [:]).sorted(by: { $0.key < $1.key }) {
            try check(key, value)
            guard image.metadata?[key] != value else { continue }
            let plan =
                value == nil
                ? Plan.Step("remove-metadata", "\(spec)", detail: key)
                : Plan.Step("set-metadata", "\(spec)", detail: key)
            steps.append(Step(field: "metadata", change: .metadata(key: key, value: value), plan: plan))
        }
        return steps
    }

    private static func check(_ key: String, _ value: String?) throws(Problem) {
        func refuse(_ reason: String, remedy: Remedy? = nil) -> Problem {
            Problem(.invalidMetadata, detail: "metadata: \(reason)", field: "metadata", remedy: remedy)
        }
        guard !key.isEmpty, !key.utf8.contains(0), key.utf8.count <= 256 else {
            throw refuse("a key has from 1 to 256 bytes, none of them zero")
        }
        if let limit = QoSLimit.byMetadataKey[key] {
            throw refuse("\"\(key)\" is one of the image's limits", remedy: .setLimit(limit))
        }
        // An OSD takes no value of an omap that is much larger.
        guard let value else { return }
        guard !value.utf8.contains(0), value.utf8.count <= 64 << 10 else {
            throw refuse("the value of \"\(key)\" has more than 64 KiB, or a zero byte in it")
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
            guard let change = changes[limit] else { continue }
            let value = change?.bytes
            if limit.isSeconds, value == 0 {
                throw Self.invalid(limit, "it must be at least 1")
            }
            then[limit] = value
            guard now[limit] != value else { continue }
            let way =
                "\(limit.rawValue) from \(now[limit].map(String.init) ?? "none") to \(value.map(String.init) ?? "none")"
            steps.append(
                Step(
                    field: "qos.\(limit.rawValue)",
                    change: .metadata(key: limit.metadataKey, value: value.map(String.init)),
                    plan: Plan.Step("set-qos", "\(spec)", detail: way)
                )
            )
        }
        // librbd takes such a pair, and then keeps to neither.
        for burst in QoSLimit.allCases {
            guard let limit = burst.limitOfBurst, let most = then[burst], most > 0, let usual = then[limit],
                most < usual
            else { continue }
            throw Self.invalid(burst, "it must not be below \(limit.rawValue), which is \(usual)")
        }
        return steps
    }

    private static func invalid(_ limit: QoSLimit, _ reason: String) -> Problem {
        Problem(.invalidQoS, detail: "qos.\(limit.rawValue): \(reason)", field: "qos.\(limit.rawValue)")
    }
}

extension ImageInfo {
    /// The limits among the metadata.
    var qos: ImageQoS {
        var values: [QoSLimit: UInt64] = [:]
        for (key, value) in metadata ?? [:] {
            if let limit = QoSLimit.byMetadataKey[key] { values[limit] = UInt64(value) }
        }
        return ImageQoS(values: values)
    }

    /// The metadata without the limits.
    var plainMetadata: [String: String]? {
        metadata?.filter { QoSLimit.byMetadataKey[$0.key] == nil }
    }
}
