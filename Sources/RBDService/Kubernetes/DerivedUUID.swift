// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// UUIDs that are made from names (version 5 of RFC 9562). So a repeated request finds what the first one has written,
/// and two replicas write the same.
enum DerivedUUID {
    /// Of this service. It must never change.
    private static let namespace: [UInt8] = [
        0x5F, 0x0C, 0x3A, 0x1E, 0x8D, 0x42, 0x4B, 0x6A, 0x9C, 0x71, 0x2E, 0x94, 0xD0, 0xB7, 0x58, 0x13,
    ]

    /// The UUID of the volume of an image.
    /// - Parameters:
    ///   - fsid: of the image's cluster.
    ///   - poolID: of the image's pool.
    ///   - namespace: of RBD; empty for the pool's default namespace.
    static func volume(fsid: String, poolID: Int64, namespace: String, imageID: String) -> String {
        uuid(["volume", fsid, "\(poolID)", namespace, imageID])
    }

    /// Stands for the UID of a claim that does not exist yet.
    static func claim(namespace: String, name: String) -> String {
        uuid(["claim", namespace, name])
    }

    /// - Parameter parts: have no zero bytes.
    private static func uuid(_ parts: [String]) -> String {
        var function = Insecure.SHA1()
        let bytes = namespace + Array(parts.joined(separator: "\0").utf8)
        bytes.withUnsafeBytes { function.update(bufferPointer: $0) }
        var digest = Array(function.finalize().prefix(16))
        // The version, and the variant.
        digest[6] = digest[6] & 0x0F | 0x50
        digest[8] = digest[8] & 0x3F | 0x80
        return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digest[$0].hexadecimal }.joined(separator: "-")
    }
}
