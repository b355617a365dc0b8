// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// What compound reads of `rbd_header.<id>` say: as much as `rbd_open` and `rbd_stat` together, in one round trip, or two
/// for the images that are striped, keep their data elsewhere or have a parent, instead of five to ten. The methods are
/// those that the kernel client calls. Each costs the OSD some 30 µs, so that what most images don't have is asked last.
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
    var stripeCount: UInt64 = 1
    var dataPoolID: Int64?
    var parent: ParentReference?
    var parentOverlapBytes: UInt64 = 0

    static func object(id: String) -> String { "rbd_header.\(id)" }

    // MARK: What every image has

    /// The read to be sent and then given to ``init(_:isNew:)``.
    /// - Parameter isNew: the image was just made from nothing: it has no snapshots and no parent.
    static func read(isNew: Bool = false) -> CompoundRead {
        let read = CompoundRead(capacity: 5)
        read.call("get_size", input: noSnapshot)
        read.call("get_features", input: noSnapshot + [1])  // read only
        // Images from before Mimic have no time; ones from before Nautilus may not know parent_get.
        read.call("get_create_timestamp", mayFail: true)
        if isNew { return read }
        read.call("get_snapcontext")
        read.call("parent_get", mayFail: true)
        return read
    }

    /// Nil where the answer is not laid out as every release from Luminous on lays it out.
    init?(_ read: CompoundRead, isNew: Bool = false) {
        guard var size = read.output(0), let order = size.integer(UInt8.self), order < 64,
            let sizeBytes = size.integer(UInt64.self),
            var featureReader = read.output(1), let features = featureReader.integer(UInt64.self)
        else { return nil }
        self.sizeBytes = sizeBytes
        self.order = order
        self.features = ImageFeatures(rawValue: features)
        stripeUnitBytes = 1 << UInt64(order)
        createdAt = read.output(2).flatMap(Self.date)
        snapshotCount = 0
        if isNew { return }
        guard var snapshots = read.output(3), snapshots.integer(UInt64.self) != nil,
            let snapshotCount = snapshots.integer(UInt32.self)
        else { return nil }
        self.snapshotCount = Int(snapshotCount)
        parent = read.output(4).flatMap(Self.parentReference)
    }

    // MARK: What some images have

    /// Whether there is more to know.
    var hasDetails: Bool {
        !features.isDisjoint(with: [.striping, .dataPool]) || parent != nil
    }

    /// The read to be sent and then given to ``add(_:)``.
    static func readDetails() -> CompoundRead {
        let read = CompoundRead(capacity: 3)
        read.call("get_stripe_unit_count", mayFail: true)
        read.call("get_data_pool", mayFail: true)
        read.call("parent_overlap_get", input: noSnapshot, mayFail: true)
        return read
    }

    mutating func add(_ details: CompoundRead) {
        if var striping = details.output(0), let unit = striping.integer(UInt64.self),
            let count = striping.integer(UInt64.self), unit > 0, count > 0
        {
            stripeUnitBytes = unit
            stripeCount = count
        }
        if var dataPool = details.output(1), let id = dataPool.integer(Int64.self), id >= 0 { dataPoolID = id }
        parentOverlapBytes = details.output(2).flatMap(Self.overlap) ?? 0
    }

    // MARK: Layouts

    /// CEPH_NOSNAP, -2: the image itself, not one of its snapshots.
    static let noSnapshot = WireWriter.integer(Int64(-2))

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
}
