// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// What a caller shows to be told from others (RFC 6750). Whoever has it is who it says; so it is shown once, when it is made,
/// and what is kept of it is no more than its digest.
public struct AccessToken: Sendable {
    /// Tells what it is to who finds one where it does not belong.
    private static let prefix = "rbd_"
    private static let randomBytes = 32

    public let text: String

    /// One that nobody has: 256 random bits.
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

    /// What is kept of it: its SHA-256, as 64 hexadecimal digits.
    public var sha256: String {
        digest.map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
