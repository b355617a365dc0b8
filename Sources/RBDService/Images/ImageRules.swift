// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The checks of a request that need no answer from Ceph. librbd refuses most bad values with EINVAL and no reason, and
/// accepts some silently. Here, each refusal names its field.
struct ImageRules {
    let properties: ImageProperties

    /// The number of objects that librbd's object map can hold.
    static let maximumMappedObjects: UInt64 = 256_000_000

    /// - Throws: `Problem` with `invalid-name`.
    static func checkName(_ name: String, field: String, what: String) throws(Problem) {
        guard let objection = Names.objection(to: name) else { return }
        throw Problem(.invalidName, field, "the \(what)'s name \(objection)", hint: "a name matches \(Names.pattern)")
    }

    /// The options for librbd.
    /// - Throws: `Problem` with `invalid-size`, `invalid-object-size`, `invalid-striping`, `invalid-features`,
    ///   `data-pool-not-found`.
    func options() throws(Problem) -> ImageOptions {
        if let size = properties.size, size.bytes == 0 {
            throw Problem(.invalidSize, "size", "it must be at least 1 byte")
        }
        let features = try requestedFeatures()
        if properties.source != nil, let features, !features.contains(.layering) {
            throw Problem(.invalidFeatures, "features", "a clone needs layering", hint: "add layering to the features")
        }
        let order = try objectOrder()
        try checkStriping()
        if let dataPool = properties.dataPool, dataPool.isEmpty || dataPool.unicodeScalars.contains("\0") {
            throw Problem(.dataPoolNotFound, "dataPool", "there is no pool of this name")
        }
        return ImageOptions(
            features: features,
            objectOrder: order,
            stripeUnitBytes: properties.stripeUnit?.bytes,
            stripeCount: properties.stripeCount,
            dataPool: properties.dataPool
        )
    }

    private func requestedFeatures() throws(Problem) -> ImageFeatures? {
        guard let names = properties.features else { return nil }
        let features = try ImageFeatures.named(names, among: .creatable) { name, hint in
            Problem(.invalidFeatures, "features", "an image can't be created with the feature \"\(name)\"", hint: hint)
        }
        for (feature, needed) in ImageFeatures.requirements
        where features.contains(feature) && !features.contains(needed) {
            throw Problem(
                .invalidFeatures,
                "features",
                "\(feature.names.joined()) needs \(needed.names.joined())",
                hint: "add \(needed.names.joined()), or leave \(feature.names.joined()) out"
            )
        }
        if features.contains(.striping), !isStriped {
            throw Problem(
                .invalidFeatures,
                "features",
                "striping needs a stripe unit and count other than the defaults",
                hint: "give a stripe unit and a stripe count, or leave striping out"
            )
        }
        return features
    }

    /// Whether the request asks for striping other than the default, in which the data fills object after object.
    private var isStriped: Bool {
        guard let unit = properties.stripeUnit, let count = properties.stripeCount else { return false }
        return count > 1 || properties.objectSize.map { $0 != unit } ?? true
    }

    private func objectOrder() throws(Problem) -> UInt8? {
        guard let bytes = properties.objectSize?.bytes else { return nil }
        // Ceph checks the bounds itself: it answers EDOM below 4 KiB and above 32 MiB. But the size 1 has the order 0,
        // which Ceph takes for the default.
        guard bytes > 1, bytes.nonzeroBitCount == 1 else {
            throw Problem(
                .invalidObjectSize,
                "objectSize",
                "\(bytes) is not a power of two from 4KiB to 32MiB",
                hint: "write a power of two from 4KiB to 32MiB, or leave it out for the default"
            )
        }
        return UInt8(bytes.trailingZeroBitCount)
    }

    private func checkStriping() throws(Problem) {
        switch (properties.stripeUnit?.bytes, properties.stripeCount) {
        case (nil, nil):
            return
        case (nil, _):
            throw Problem(.invalidStriping, "stripeUnit", "it is required together with stripeCount")
        case (_, nil):
            throw Problem(.invalidStriping, "stripeCount", "it is required together with stripeUnit")
        case (let unit?, let count?):
            // The layout has 32 bits for the count.
            guard (1...UInt64(UInt32.max)).contains(count) else {
                throw Problem(.invalidStriping, "stripeCount", "it must be from 1 to \(UInt32.max)")
            }
            guard unit > 0 else { throw Problem(.invalidStriping, "stripeUnit", "it must be at least 1 byte") }
            if let objectSize = properties.objectSize?.bytes, !objectSize.isMultiple(of: unit) {
                let reason = "\(unit) does not divide the object size of \(objectSize)"
                throw Problem(.invalidStriping, "stripeUnit", reason)
            }
        }
    }

    /// Why the object map would be too large; nil if it is not, or if there is none. If the request leaves out the
    /// features or the object size, this assumes Ceph's defaults, as Ceph ships them.
    var objectionToSize: Problem? {
        let objectSize = properties.objectSize?.bytes ?? Self.defaultObjectSize
        let mayHaveMap = properties.features.map { $0.contains("object-map") } ?? true
        let size = properties.size ?? ByteCount(0)
        guard mayHaveMap, let objection = Self.objectionToMap(size.bytes, objectBytes: objectSize) else { return nil }
        return Problem(
            .invalidSize,
            "size",
            objection,
            hint: "choose a larger object size, or features without object-map and fast-diff"
        )
    }

    /// Why an image of this size can't have an object map; nil if it can.
    static func objectionToMap(_ sizeBytes: UInt64, objectBytes: UInt64) -> String? {
        let objects = sizeBytes / objectBytes
        guard objects > maximumMappedObjects else { return nil }
        return "\(ByteCount(sizeBytes)) in objects of \(ByteCount(objectBytes)) needs \(objects) objects; "
            + "an image with object-map can have at most \(maximumMappedObjects)"
    }

    /// The likely reason for librbd's EINVAL, which gives no reason itself.
    func explain(_ error: CephError) -> Problem {
        if var objection = objectionToSize {
            objection.errno = error.errno
            return objection
        }
        let size = properties.size ?? ByteCount(0)
        if properties.stripeUnit != nil {
            return Problem(
                .invalidStriping,
                "stripeUnit",
                "Ceph refused it; it must divide the object size",
                errno: error.errno
            )
        }
        if properties.source != nil {
            return Problem(
                .invalidImageOption,
                detail: "Ceph refused the clone; the likely reasons are objectSize and features",
                errno: error.errno,
                hint: "leave them out: the clone then has those of the source"
            )
        }
        return Problem(
            .invalidImageOption,
            "size",
            "Ceph refused the image; the likely reason is the size \(size)",
            errno: error.errno
        )
    }

    /// `rbd_default_order` as Ceph ships it, for explanations only.
    private static let defaultObjectSize: UInt64 = 4 << 20

    /// The fields in which an existing image differs from the request. Fields that the request leaves out are not
    /// compared: their defaults may have changed since the image was created.
    func differences(from image: ImageInfo, in pool: String) -> [Problem.Difference] {
        var differences: [Problem.Difference] = []
        func compare(_ field: String, _ requested: String?, _ actual: String) {
            guard let requested, requested != actual else { return }
            differences.append(Problem.Difference(field: field, requested: requested, actual: actual))
        }
        compare("size", properties.size.map { "\($0.bytes)" }, "\(image.sizeBytes)")
        compare("features", comparableRequest, image.features.intersection(.creatable).names.joined(separator: ","))
        compare("objectSize", properties.objectSize.map { "\($0.bytes)" }, "\(image.objectSizeBytes)")
        compare("stripeUnit", properties.stripeUnit.map { "\($0.bytes)" }, "\(image.stripeUnitBytes)")
        compare("stripeCount", properties.stripeCount.map(String.init), "\(image.stripeCount)")
        compare("dataPool", properties.dataPool, image.dataPool ?? pool)
        return differences
    }

    /// The features as librbd sets them: it adds striping if the request asks for non-default stripes.
    private var comparableRequest: String? {
        guard let names = properties.features else { return nil }
        var features = names.reduce(into: ImageFeatures()) { $0.formUnion(ImageFeatures(named: $1) ?? []) }
        if isStriped { features.insert(.striping) }
        return features.names.joined(separator: ",")
    }
}
