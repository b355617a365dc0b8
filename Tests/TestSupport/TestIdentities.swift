// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDService

/// A token file with some identities, removed with its object.
public final class TestIdentities: Sendable {
    public let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
    private let tokens: [String: (scopes: [String], token: AccessToken)]

    /// - Parameter scopes: the scopes of each identity, by its name.
    public init(_ scopes: KeyValuePairs<String, [String]>) throws {
        var tokens: [String: (scopes: [String], token: AccessToken)] = [:]
        for (name, scopes) in scopes {
            let token = AccessToken()
            try TokenEntry(identity: name, scopes: scopes, token: token, lifetime: nil).add(to: path)
            tokens[name] = (scopes, token)
        }
        self.tokens = tokens
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Changes the scopes of an identity. Without any scope, its tokens are removed.
    public func give(_ scopes: [String], to changed: String) throws {
        try FileManager.default.removeItem(atPath: path)
        for (name, (old, token)) in tokens {
            let scopes = name == changed ? scopes : old
            if scopes.isEmpty { continue }
            try TokenEntry(identity: name, scopes: scopes, token: token, lifetime: nil).add(to: path)
        }
    }

    public func token(of name: String) -> String { tokens[name]?.token.text ?? "" }
}
