// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What an entry of ceph-csi's journal is about.
public enum JournalKind: Hashable, CaseIterable, Sendable {
    case volumes, snapshots

    /// The object that lists the entries: its keys are requests, its values are UUIDs.
    /// - Parameter instance: `default`, unless ceph-csi runs with another `--instanceid`.
    public func directory(of instance: String) -> String {
        switch self {
        case .volumes: "csi.volumes.\(instance)"
        case .snapshots: "csi.snaps.\(instance)"
        }
    }

    /// The object of an entry.
    public func object(of uuid: String) -> String { prefix + uuid }

    /// The key of a request in the directory.
    public func key(of request: String) -> String { prefix + request }

    /// How the keys of the directory begin, and also the names of the entries' objects.
    var prefix: String {
        switch self {
        case .volumes: "csi.volume."
        case .snapshots: "csi.snap."
        }
    }

    /// The image of an entry that names none: ceph-csi did not always write the name.
    func usualImage(of uuid: String) -> String {
        switch self {
        case .volumes: "csi-vol-\(uuid)"
        case .snapshots: "csi-snap-\(uuid)"
        }
    }

    /// The key of the request's name in the entry's object.
    var nameKey: String {
        switch self {
        case .volumes: "csi.volname"
        case .snapshots: "csi.snapname"
        }
    }
}

/// An entry of ceph-csi's journal: the values of `csi.volume.<uuid>` or `csi.snap.<uuid>`.
public struct JournalEntry: Hashable, Sendable {
    /// The name of the CSI request, which is also the name of the PersistentVolume. Empty if ceph-csi was interrupted
    /// before it wrote the name.
    public var requestName: String
    public var imageName: String
    /// Nil if ceph-csi has not written it yet.
    public var imageID: String?
    /// The Kubernetes namespace of the claim.
    public var owner: String?
    /// The id of the pool that has the directory, if that is not the image's pool.
    public var journalPoolID: Int64?
    /// The key management service of an encrypted volume.
    public var encryptionKMS: String?
    /// `block` or `file`.
    public var encryptionType: String?
    /// The image that a snapshot was taken of.
    public var source: String?
    /// Keys that have no member here, such as those of volume groups.
    public var otherKeys: Set<String> = []

    public init(
        requestName: String,
        imageName: String,
        imageID: String?,
        owner: String? = nil,
        encryptionKMS: String? = nil,
        encryptionType: String? = nil
    ) {
        (self.requestName, self.imageName, self.imageID, self.owner) = (requestName, imageName, imageID, owner)
        (self.encryptionKMS, self.encryptionType) = (encryptionKMS, encryptionType)
    }

    private enum Key {
        static let imageName = "csi.imagename"
        static let imageID = "csi.imageid"
        static let owner = "csi.volume.owner"
        static let journalPool = "csi.journalpool"
        static let encryptionKMS = "csi.volume.encryptKMS"
        static let encryptionType = "csi.volume.encryptionType"
        static let source = "csi.source"
    }

    /// Reads the omap of an entry's object.
    init(_ kind: JournalKind, uuid: String, _ values: [String: [UInt8]]) {
        var rest = values
        func take(_ key: String) -> String? {
            rest.removeValue(forKey: key).map { String(decoding: $0, as: UTF8.self) }
        }
        requestName = take(kind.nameKey) ?? ""
        imageName = take(Key.imageName) ?? kind.usualImage(of: uuid)
        imageID = take(Key.imageID)
        owner = take(Key.owner)
        journalPoolID = take(Key.journalPool).flatMap(Hexadecimal.poolID)
        encryptionKMS = take(Key.encryptionKMS)
        encryptionType = take(Key.encryptionType)
        source = take(Key.source)
        otherKeys = Set(rest.keys)
    }

    /// The omap of an entry's object, without ``otherKeys``.
    func values(_ kind: JournalKind) -> [String: [UInt8]] {
        var values: [String: [UInt8]] = [:]
        func put(_ key: String, _ value: String?) {
            if let value { values[key] = Array(value.utf8) }
        }
        put(kind.nameKey, requestName)
        put(Key.imageName, imageName)
        put(Key.imageID, imageID)
        put(Key.owner, owner)
        put(Key.journalPool, journalPoolID.map(Hexadecimal.text(ofPool:)))
        put(Key.encryptionKMS, encryptionKMS)
        put(Key.encryptionType, encryptionType)
        put(Key.source, source)
        return values
    }
}

/// What the directory has for a request.
public struct JournalReference: Hashable, Sendable {
    public var uuid: String
    /// The id of the image's pool, if that is not the pool of the directory.
    public var poolID: Int64?

    public init(uuid: String, poolID: Int64? = nil) {
        (self.uuid, self.poolID) = (uuid, poolID)
    }

    /// - Returns: nil if the value has another form. On a mirrored cluster, ceph-csi also maps old handles to new ones
    ///   here.
    init?(_ value: [UInt8]) {
        let parts = String(decoding: value, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
            .map(String.init)
        guard let uuid = parts.last, VolumeUUID.isValid(uuid), parts.count <= 2 else { return nil }
        self.init(uuid: uuid)
        if parts.count == 2 {
            guard let pool = Hexadecimal.poolID(parts[0]) else { return nil }
            poolID = pool
        }
    }

    var value: [UInt8] {
        Array((poolID.map { "\(Hexadecimal.text(ofPool: $0))/" } ?? "").utf8) + Array(uuid.utf8)
    }
}
