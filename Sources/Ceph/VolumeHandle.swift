// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The handle of a volume of ceph-csi: `0001-0009-cluster-a-0000000000000002-` and the volume's UUID.
///
/// It has the version of the encoding, the length of the cluster's id, that id, the id of the image's pool, and the
/// UUID. Numbers are hexadecimal.
public struct VolumeHandle: Hashable, Sendable, CustomStringConvertible {
    /// The cluster's name in ceph-csi's configuration, which also determines the namespace of RBD.
    public let clusterID: String
    /// The id of the image's pool.
    public let poolID: Int64
    public let uuid: String

    /// The only version of the encoding.
    private static let version = "0001"
    /// The maximum length in bytes, which the CSI specification sets.
    public static let maximumLength = 128
    /// The length of everything but the cluster's id, in bytes.
    private static let fixedLength = 64

    /// - Returns: nil if the handle would be too long, or if a part is not valid.
    public init?(clusterID: String, poolID: Int64, uuid: String) {
        guard !clusterID.isEmpty, clusterID.utf8.count + Self.fixedLength <= Self.maximumLength, poolID >= 0,
            VolumeUUID.isValid(uuid)
        else { return nil }
        (self.clusterID, self.poolID, self.uuid) = (clusterID, poolID, uuid)
    }

    /// - Returns: nil if the text is not such a handle. The handle of a static volume is the image's name.
    public init?(parsing text: String) {
        guard text.utf8.count <= Self.maximumLength else { return nil }
        let bytes = Array(text.utf8)
        func part(_ start: Int, _ length: Int) -> String? {
            guard start + length <= bytes.count else { return nil }
            return String(validating: bytes[start..<start + length], as: UTF8.self)
        }
        guard bytes.count > Self.fixedLength, part(0, 4) == Self.version,
            let length = part(5, 4).flatMap({ Hexadecimal.number($0) }).map({ Int($0) }),
            bytes.count == Self.fixedLength + length,
            let clusterID = part(10, length), let pool = part(11 + length, 16).flatMap(Hexadecimal.poolID),
            let uuid = part(28 + length, 36)
        else { return nil }
        for dash in [4, 9, 10 + length, 27 + length] where bytes[dash] != UInt8(ascii: "-") { return nil }
        self.init(clusterID: clusterID, poolID: pool, uuid: uuid)
    }

    /// The name of the image of a volume that ceph-csi has made, where nothing else has it.
    /// - Parameter prefix: the StorageClass's `volumeNamePrefix`; nil if it has none.
    public func imageName(prefix: String?) -> String {
        prefix.map { $0 + uuid } ?? JournalKind.volumes.usualImage(of: uuid)
    }

    public var description: String {
        let length = Hexadecimal.text(UInt64(clusterID.utf8.count), digits: 4)
        return [Self.version, length, clusterID, Hexadecimal.text(ofPool: poolID), uuid].joined(separator: "-")
    }
}

/// The UUIDs in the names of ceph-csi's objects and images.
public enum VolumeUUID {
    /// In characters, and in bytes.
    public static let length = 36

    public static func isValid(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == length else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : Hexadecimal.isDigit(byte)
        }
    }

    /// The UUID that an image's name ends with. When ceph-csi deletes a volume, it takes the UUID from there.
    /// - Returns: nil if the name does not end with one.
    public static func suffix(of name: String) -> String? {
        guard let text = String(validating: name.utf8.suffix(length), as: UTF8.self), isValid(text) else { return nil }
        return text
    }
}

/// The numbers in handles and in the journal.
enum Hexadecimal {
    static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    static func text(_ number: UInt64, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// - Returns: nil if there is a sign or another character, or if the number is too large.
    static func number(_ text: String) -> UInt64? {
        guard text.utf8.allSatisfy(isDigit) else { return nil }
        return UInt64(text, radix: 16)
    }

    /// A pool's id in 16 digits.
    static func text(ofPool id: Int64) -> String { text(UInt64(bitPattern: id), digits: 16) }

    /// - Returns: nil if the text does not have 16 digits.
    static func poolID(_ text: String) -> Int64? {
        guard text.utf8.count == 16 else { return nil }
        return number(text).map { Int64(bitPattern: $0) }
    }
}
