// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// A bearer token (RFC 6750). Anyone who has it has the identity's access. So it is shown only once, when it is made,
/// and only its digest is stored.
public struct AccessToken: Sendable {
    /// Identifies the token's kind to anyone who finds one in the wrong place.
    private static let prefix = "rbd_"
    private static let randomBytes = 32

    public let text: String

    /// A new token: 256 random bits.
    public init() {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<Self.randomBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        self.init(Self.prefix + Base64URL.encode(bytes))
    }

    init(_ text: some StringProtocol) {
        self.text = String(text)
    }

    var digest: SHA256.Digest {
        var text = text
        return text.withUTF8 { SHA256.hash(data: UnsafeRawBufferPointer($0)) }
    }

    /// The digest that is stored: the token's SHA-256, as 64 hexadecimal digits.
    public var sha256: String { digest.hexadecimal }
}
