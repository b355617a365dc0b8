// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An image's name as RBD stores it: bytes, which need not be UTF-8.
public struct RawName: Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    public init(bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
    }

    /// The name as a text. Bytes that are not UTF-8 are replaced by U+FFFD.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether ``text`` is the complete name.
    public var isText: Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// The object that holds the id of the image with this name, as a C string.
    var idObject: [CChar] { Array("rbd_id.".utf8CString.dropLast()) + bytes.map(CChar.init(bitPattern:)) + [0] }

    func withCString<Value>(_ body: (UnsafePointer<CChar>) -> Value) -> Value {
        (bytes.map(CChar.init(bitPattern:)) + [0]).withUnsafeBufferPointer { buffer in
            // The buffer is never empty, because it ends with a zero.
            buffer.baseAddress.map(body) ?? body("")
        }
    }

    var wire: [UInt8] { WireWriter.string(bytes) }
}

extension RawName: Codable {
    /// A character that no name contains: librbd ends a name at it.
    private static let mark: Character = "\u{0}"

    /// A text that is different for each name.
    public var key: String {
        isText ? text : "\(Self.mark)\(bytes.map { String($0, radix: 16) }.joined(separator: "-"))"
    }

    public init(from decoder: any Decoder) throws {
        let key = try decoder.singleValueContainer().decode(String.self)
        guard key.first == Self.mark else {
            self.init(key)
            return
        }
        self.init(bytes: key.dropFirst().split(separator: "-").compactMap { UInt8($0, radix: 16) })
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(key)
    }
}
