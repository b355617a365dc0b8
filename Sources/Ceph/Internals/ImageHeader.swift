// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// The result of one compound read of `rbd_header.<id>`: as much as `rbd_open` and all of librbd's getters together, in
/// one round trip instead of five to ten.
///
/// The header is an omap whose keys and values have RBD's on-disk format. Its object class has a method for most of
/// them, but each method call costs the OSD as much as half a round trip. Reading the values themselves took half of
/// the time, measured with everything that is read here. Only the count of the snapshots uses a method, which is called
/// if there ever was a snapshot. If a layout is not the one that is known here, librbd reads the image instead.
struct ImageHeader {
    /// The parent as in the header: by numbers.
    struct ParentReference: Hashable {
        var poolID: Int64
        var namespace: String
        var imageID: String
        var snapshotID: UInt64
    }

    /// The group as in the header. It is in the namespace of the image.
    struct GroupReference: Hashable {
        var poolID: Int64
        var id: String
    }

    private(set) var sizeBytes: UInt64 = 0
    private(set) var order: UInt8 = 0
    private(set) var features: ImageFeatures = []
    private(set) var operationFeatures: UInt64 = 0
    private(set) var flags: UInt64 = 0
    var snapshotCount = 0
    /// Not zero if there is, or was, a snapshot.
    private(set) var snapshotSequence: UInt64 = 0
    private(set) var createdAt: Date?
    private(set) var modifiedAt: Date?
    private(set) var accessedAt: Date?
    /// Zero if no stripe unit was set: it is then the object size.
    private var stripeUnit: UInt64 = 0
    private(set) var stripeCount: UInt64 = 1
    private(set) var dataPoolID: Int64?
    private(set) var parent: ParentReference?
    /// Nil if the image itself was flattened, and only its snapshots still see the parent.
    private(set) var parentOverlapBytes: UInt64?
    private(set) var group: GroupReference?

    var objectSizeBytes: UInt64 { 1 << UInt64(order) }
    var stripeUnitBytes: UInt64 { stripeUnit == 0 ? objectSizeBytes : stripeUnit }

    static func object(id: String) -> String { "rbd_header.\(id)" }

    /// CEPH_NOSNAP, -2: the image itself, not one of its snapshots.
    static let noSnapshot = WireWriter.integer(Int64(-2))

    // MARK: The read

    /// In the order of ``keys``.
    private enum Value: Int, CaseIterable {
        case accessTimestamp, createTimestamp, dataPoolID, features, flags, modifyTimestamp, opFeatures, order, parent
        case groupReference, size, snapSequence, stripeCount, stripeUnit
    }

    private static let keys: [StaticString] = [
        "access_timestamp", "create_timestamp", "data_pool_id", "features", "flags", "modify_timestamp", "op_features",
        "order", "parent", "rbd_group_ref", "size", "snap_seq", "stripe_count", "stripe_unit",
    ]

    /// The read to send and then to pass to ``init(_:withSnapshots:)``.
    /// - Parameter withSnapshots: whether to read the snapshots at once, which costs a third more.
    static func read(withSnapshots: Bool) -> CompoundRead {
        let read = CompoundRead()
        read.readValues(keys)
        if withSnapshots { read.call("get_snapcontext") }
        return read
    }

    /// An empty read, which fails with -ERANGE or -EOVERFLOW unless the header still has this version.
    static func check(version: UInt64) -> CompoundRead {
        let read = CompoundRead()
        read.assertVersion(version)
        return read
    }

    /// Nil if a value is missing or has a layout that is not known here. Without the snapshots, the count is zero. If
    /// ``snapshotSequence`` is not zero, the count must then be read separately.
    init?(_ read: CompoundRead, withSnapshots: Bool) {
        var (isKnown, hasSize, hasOrder, hasFeatures, hasSequence) = (true, false, false, false, false)
        read.forEachValue { index, value in
            guard let key = Value(rawValue: index), set(key, value) else {
                isKnown = false
                return
            }
            switch key {
            case .size: hasSize = true
            case .order: hasOrder = true
            case .features: hasFeatures = true
            case .snapSequence: hasSequence = true
            default: break
            }
        }
        guard isKnown, hasSize, hasOrder, hasFeatures, hasSequence else { return nil }
        guard withSnapshots else { return }
        guard let count = Self.snapshotCount(in: read) else { return nil }
        snapshotCount = count
    }

    /// The read to send and then to pass to ``snapshotCount(in:)``.
    static func readSnapshots() -> CompoundRead { CompoundRead(calling: "get_snapcontext") }

    /// - Returns: nil if the answer has a layout that is not known here.
    static func snapshotCount(in read: CompoundRead) -> Int? {
        guard var snapshots = read.output, snapshots.integer(UInt64.self) != nil else { return nil }
        return snapshots.integer(UInt32.self).map(Int.init)
    }

    // MARK: Layouts

    /// - Returns: whether the value has the layout that is known here.
    private mutating func set(_ key: Value, _ value: WireReader) -> Bool {
        switch key {
        case .size: return Self.read(value, into: &sizeBytes)
        case .snapSequence: return Self.read(value, into: &snapshotSequence)
        case .order: return Self.read(value, into: &order) && order < 64
        case .features:
            var bits: UInt64 = 0
            guard Self.read(value, into: &bits) else { return false }
            features = ImageFeatures(rawValue: bits)
            return true
        case .opFeatures: return Self.read(value, into: &operationFeatures)
        case .flags: return Self.read(value, into: &flags)
        case .createTimestamp: return Self.read(value, into: &createdAt)
        case .modifyTimestamp: return Self.read(value, into: &modifiedAt)
        case .accessTimestamp: return Self.read(value, into: &accessedAt)
        case .stripeUnit: return Self.read(value, into: &stripeUnit)
        case .stripeCount: return Self.read(value, into: &stripeCount) && stripeCount > 0
        case .dataPoolID:
            var id: Int64 = -1
            guard Self.read(value, into: &id) else { return false }
            dataPoolID = id >= 0 ? id : nil
            return true
        case .parent: return setParent(value)
        case .groupReference: return setGroup(value)
        }
    }

    private static func read<Integer: FixedWidthInteger>(_ value: WireReader, into field: inout Integer) -> Bool {
        var value = value
        guard let integer = value.integer(Integer.self), value.isAtEnd else { return false }
        field = integer
        return true
    }

    private static func read(_ value: WireReader, into field: inout Date?) -> Bool {
        var value = value
        guard let seconds = value.integer(UInt32.self), let nanoseconds = value.integer(UInt32.self), value.isAtEnd
        else { return false }
        field = seconds > 0 ? Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9) : nil
        return true
    }

    /// Version 1 is older than Nautilus: it has no namespaces, and always has an overlap.
    private mutating func setParent(_ value: WireReader) -> Bool {
        var value = value
        guard let version = value.frameVersion(), (1...2).contains(version),
            let poolID = value.integer(Int64.self), let namespace = version == 1 ? "" : value.string(),
            let imageID = value.string(), let snapshotID = value.integer(UInt64.self)
        else { return false }
        var hasOverlap: UInt8 = 1
        if version > 1 {
            guard let flag = value.integer(UInt8.self) else { return false }
            hasOverlap = flag
        }
        var overlap: UInt64 = 0
        if hasOverlap != 0 {
            guard let bytes = value.integer(UInt64.self) else { return false }
            overlap = bytes
        }
        guard value.isAtEnd else { return false }
        guard poolID >= 0 else { return true }
        parent = ParentReference(poolID: poolID, namespace: namespace, imageID: imageID, snapshotID: snapshotID)
        parentOverlapBytes = hasOverlap != 0 ? overlap : nil
        return true
    }

    private mutating func setGroup(_ value: WireReader) -> Bool {
        var value = value
        guard value.frameVersion() == 1, let poolID = value.integer(Int64.self), let id = value.string(),
            value.isAtEnd
        else { return false }
        group = poolID >= 0 ? GroupReference(poolID: poolID, id: id) : nil
        return true
    }
}

/// The object map of an image: the object that records which data objects exist.
enum ObjectMap {
    static func object(id: String) -> String { "rbd_object_map.\(id)" }

    /// The input of `object_map_resize` for an image without data.
    static func allNonexistent(count: UInt64) -> [UInt8] {
        let nonexistent: UInt8 = 0
        return WireWriter.integer(count) + WireWriter.integer(nonexistent)
    }
}
