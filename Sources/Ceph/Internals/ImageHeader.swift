// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// What one compound read of `rbd_header.<id>` says: as much as `rbd_open` and `rbd_stat` together, in one round trip
/// instead of five to ten. The methods are those that the kernel client calls.
struct ImageHeader {
    /// The parent as the header names it: by numbers.
    struct ParentReference: Hashable {
        var poolID: Int64
        var namespace: String
        var imageID: String
        var snapshotID: UInt64
    }

    var sizeBytes: UInt64
    var order: UInt8
    var features: ImageFeatures
    var snapshotCount: Int
    var createdAt: Date?
    var stripeUnitBytes: UInt64
    var stripeCount: UInt64
    var dataPoolID: Int64?
    var parent: ParentReference?
    var parentOverlapBytes: UInt64

    static func object(id: String) -> String { "rbd_header.\(id)" }

    /// The read, to be sent and then given to ``init(_:)``.
    static func read() -> CompoundRead {
        let read = CompoundRead(capacity: Method.allCases.count)
        for method in Method.allCases {
            read.call(method.rawValue, input: method.input, mayFail: method.isOptional)
        }
        return read
    }

    /// Nil where the answer is not laid out as every release from Luminous on lays it out.
    init?(_ read: CompoundRead) {
        guard var size = read.output(Method.size.index), let order = size.integer(UInt8.self),
            let sizeBytes = size.integer(UInt64.self), order < 64,
            var featureReader = read.output(Method.features.index), let features = featureReader.integer(UInt64.self),
            var snapshots = read.output(Method.snapshotContext.index), snapshots.integer(UInt64.self) != nil,
            let snapshotCount = snapshots.integer(UInt32.self)
        else { return nil }
        self.sizeBytes = sizeBytes
        self.order = order
        self.features = ImageFeatures(rawValue: features)
        self.snapshotCount = Int(snapshotCount)
        createdAt = read.output(Method.createTimestamp.index).flatMap(Self.date)

        stripeUnitBytes = 1 << UInt64(order)
        stripeCount = 1
        if var striping = read.output(Method.striping.index), let unit = striping.integer(UInt64.self),
            let count = striping.integer(UInt64.self), unit > 0, count > 0
        {
            stripeUnitBytes = unit
            stripeCount = count
        }
        if var dataPool = read.output(Method.dataPool.index), let id = dataPool.integer(Int64.self), id >= 0 {
            dataPoolID = id
        }
        parent = read.output(Method.parent.index).flatMap(Self.parentReference)
        parentOverlapBytes = read.output(Method.parentOverlap.index).flatMap(Self.overlap) ?? 0
    }

    private static func date(_ reader: WireReader) -> Date? {
        var reader = reader
        guard let seconds = reader.integer(UInt32.self), let nanoseconds = reader.integer(UInt32.self), seconds > 0
        else { return nil }
        return Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9)
    }

    private static func parentReference(_ reader: WireReader) -> ParentReference? {
        var reader = reader
        guard reader.enterFrame() != nil, let poolID = reader.integer(Int64.self), poolID >= 0,
            let namespace = reader.string(), let imageID = reader.string(),
            let snapshotID = reader.integer(UInt64.self)
        else { return nil }
        return ParentReference(poolID: poolID, namespace: namespace, imageID: imageID, snapshotID: snapshotID)
    }

    /// An optional integer: a byte that says whether it is there, then the integer.
    private static func overlap(_ reader: WireReader) -> UInt64? {
        var reader = reader
        guard let isPresent = reader.integer(UInt8.self), isPresent != 0 else { return nil }
        return reader.integer(UInt64.self)
    }

    private enum Method: String, CaseIterable {
        case size = "get_size"
        case features = "get_features"
        case snapshotContext = "get_snapcontext"
        case createTimestamp = "get_create_timestamp"
        case striping = "get_stripe_unit_count"
        case dataPool = "get_data_pool"
        case parent = "parent_get"
        case parentOverlap = "parent_overlap_get"

        /// A method that an image without the feature, or an older OSD, answers with an error.
        var isOptional: Bool {
            switch self {
            case .size, .features, .snapshotContext: false
            default: true
            }
        }

        var input: [UInt8] {
            switch self {
            case .size, .parentOverlap: Self.noSnapshot
            case .features: Self.noSnapshot + [1]  // read only
            default: []
            }
        }

        var index: Int {
            // The order of declaration is the order of the calls.
            switch self {
            case .size: 0
            case .features: 1
            case .snapshotContext: 2
            case .createTimestamp: 3
            case .striping: 4
            case .dataPool: 5
            case .parent: 6
            case .parentOverlap: 7
            }
        }

        /// CEPH_NOSNAP, -2: the image itself, not one of its snapshots.
        private static let noSnapshot = withUnsafeBytes(of: Int64(-2).littleEndian) { Array($0) }
    }
}
