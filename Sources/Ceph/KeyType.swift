// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// The type of a user's secret key. A key begins with the number of its type, in two bytes, little-endian (`CryptoKey`
/// in Ceph's `auth/Crypto.h`).
public enum KeyType: UInt16, Hashable, Sendable {
    case aes = 1
    /// Available since Ceph 19.2.6 and 20.2.4. Older clients can't use such a key.
    case aes256k = 2

    /// Ceph's name for the type.
    public var name: String {
        switch self {
        case .aes: "aes"
        case .aes256k: "aes256k"
        }
    }

    /// - Parameter key: in Base64, as in keyrings.
    init?(ofKey key: String) {
        guard let bytes = Data(base64Encoded: key), bytes.count > 2 else { return nil }
        self.init(rawValue: UInt16(bytes[0]) | UInt16(bytes[1]) << 8)
    }

    /// - Parameters:
    ///   - entity: the user, such as `client.kubernetes`.
    ///   - keyring: the content of the keyring file.
    init?(of entity: String, inKeyring keyring: String) {
        var isOurs = false
        for line in keyring.split(whereSeparator: \.isNewline) {
            let line = line.trimming { $0.isWhitespace }
            if line.hasPrefix("[") {
                isOurs = line == "[\(entity)]"
            } else if isOurs, let equals = line.firstIndex(of: "="),
                line[..<equals].trimming({ $0.isWhitespace }) == "key"
            {
                self.init(ofKey: String(line[line.index(after: equals)...].trimming { $0.isWhitespace || $0 == "\"" }))
                return
            }
        }
        return nil
    }
}

extension RadosHandle {
    /// The type of the key that librados uses for a user. librados checks `key`, then `keyfile`, then the first
    /// existing file of `keyring`.
    func keyType(of entity: String) -> KeyType? {
        func text(_ path: Substring) -> String? { try? String(contentsOfFile: String(path), encoding: .utf8) }
        let key = option("key")
        if !key.isEmpty { return KeyType(ofKey: key) }
        let keyFile = option("keyfile")
        if !keyFile.isEmpty {
            return text(keyFile[...]).flatMap { KeyType(ofKey: String($0.trimming { $0.isWhitespace })) }
        }
        return option("keyring").split { ",; ".contains($0) }.lazy.compactMap(text).first
            .flatMap { KeyType(of: entity, inKeyring: $0) }
    }
}

extension StringProtocol {
    fileprivate func trimming(_ isTrimmed: (Character) -> Bool) -> SubSequence {
        guard let first = firstIndex(where: { !isTrimmed($0) }), let last = lastIndex(where: { !isTrimmed($0) }) else {
            return self[startIndex..<startIndex]
        }
        return self[first...last]
    }
}
