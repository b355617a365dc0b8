// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDService

/// A token file with some identities in it, gone when this goes.
public final class TestIdentities: Sendable {
    public let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
    private let tokens: [String: String]

    /// - Parameter scopes: of each identity, by its name.
    public init(_ scopes: KeyValuePairs<String, [String]>) throws {
        var tokens: [String: String] = [:]
        for (name, scopes) in scopes {
            let token = AccessToken()
            try TokenEntry(identity: name, scopes: scopes, token: token, lifetime: nil).add(to: path)
            tokens[name] = token.text
        }
        self.tokens = tokens
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    public func token(of name: String) -> String { tokens[name] ?? "" }
}
