// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ceph

struct KeyTypeTests {
    private static let aes = "AQDXdwxrpgXtIhAA9pFvQkBWcfSCVSiAiCnqcA=="
    private static let aes256k = "AgDXdwxr3UEcJSAAe1v5Yg0eQb9U2Q5nJ0W3mM1Xy0cQm0i3m2q4cKfN2fE="

    @Test(arguments: [
        (aes, KeyType.aes), (aes256k, .aes256k), ("", nil), ("AwDXdwxrpgXtIhAA", nil), ("?", nil), ("AQ==", nil),
    ])
    func isTheNumberThatAKeyBeginsWith(key: String, type: KeyType?) {
        #expect(KeyType(ofKey: key) == type)
    }

    @Test func isThatOfTheUsersOwnKey() {
        let keyring = """
            [client.other]
            \tkey = \(Self.aes)
            # [client.mine]
            [client.mine]
            \tcaps mon = "profile rbd"
            \tkey=\(Self.aes256k)
            [client.more]
            \tkey = "\(Self.aes)"
            """
        #expect(KeyType(of: "client.mine", inKeyring: keyring) == .aes256k)
        #expect(KeyType(of: "client.other", inKeyring: keyring) == .aes)
        #expect(KeyType(of: "client.more", inKeyring: keyring) == .aes)
        #expect(KeyType(of: "client.nobody", inKeyring: keyring) == nil)
    }
}

struct ReleaseTests {
    @Test func areInOrder() throws {
        let releases = try ["14.2.21", "16.2.9", "16.2.15", "18.2.7", "20.2.4", "20.2.4-1-gabc"].map {
            try #require(Release($0))
        }
        #expect(releases.sorted() == releases)
        #expect(releases.map(\.major) == [14, 16, 16, 18, 20, 20])
        #expect(Release("unknown") == nil)
        #expect(Release("") == nil)
    }
}
