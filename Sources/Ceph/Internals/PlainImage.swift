// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD

/// An image with the most common properties: created from nothing, with its data in its own pool, neither striped nor
/// journaled. It is created object by object, without librbd.
///
/// For each image, `rbd_create4` copies the table of all of Ceph's options, which is a quarter of its processor time,
/// and reads values that make no difference here. What is written, and in which order, is the same as with librbd. So
/// an interrupted create leaves what librbd's would have left at that point, and both are repaired in the same way.
struct PlainImage {
    let name: String
    let sizeBytes: UInt64
    let features: ImageFeatures
    let order: UInt8

    /// Features that are only a bit in the header, and an object map.
    private static let plainFeatures: ImageFeatures = [
        .layering, .exclusiveLock, .objectMap, .fastDiff, .deepFlatten,
    ]
    private static let orders: ClosedRange<UInt8> = 12...25
    /// `MAX_OBJECT_MAP_OBJECT_COUNT` of the object class.
    private static let mappedObjectLimit: UInt64 = 256_000_000

    /// Nil if librbd must create the image, or say why it can't be created.
    /// - Parameter rados: its options are the defaults for everything that is not set, as in librbd.
    init?(named name: String, sizeBytes: UInt64, options: ImageOptions, rados: RadosHandle) {
        guard options.dataPool == nil, options.stripeUnitBytes == nil, options.stripeCount == nil,
            rados.option("rbd_default_format") == "2", rados.option("rbd_default_data_pool").isEmpty,
            rados.option("rbd_default_stripe_unit") == "0", rados.option("rbd_default_stripe_count") == "0",
            rados.option("rbd_validate_pool") == "true",
            let order = options.objectOrder ?? UInt8(rados.option("rbd_default_order")),
            let features = options.features ?? rados.defaultFeatures
        else { return nil }
        self.name = name
        self.sizeBytes = sizeBytes
        // librbd adds it, too.
        self.features = features.contains(.objectMap) ? features.union(.fastDiff) : features
        self.order = order
        guard !name.isEmpty, Self.orders.contains(order), features.isSubset(of: Self.plainFeatures),
            ImageFeatures.requirements.allSatisfy({ !features.contains($0.feature) || features.contains($0.needs) }),
            objectCount <= Self.mappedObjectLimit || !features.contains(.objectMap)
        else { return nil }
    }

    /// The maximum number of objects that its data can occupy.
    var objectCount: UInt64 {
        let (count, rest) = sizeBytes.quotientAndRemainder(dividingBy: 1 << UInt64(order))
        return rest > 0 ? count + 1 : count
    }
}

extension RadosHandle {
    /// - C function: rados_conf_get, rbd_features_from_string
    fileprivate var defaultFeatures: ImageFeatures? {
        var bits: UInt64 = 0
        guard rbd_features_from_string(option("rbd_default_features"), &bits) >= 0 else { return nil }
        return ImageFeatures(rawValue: bits)
    }
}
