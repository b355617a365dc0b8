// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Words that only clients of the HTTP API understand: methods, paths, parameters, headers and JSON.
public enum HTTPWords {
    private static let patterns = [
        #"\b(GET|HEAD|POST|PUT|PATCH|DELETE)\b"#, #"/v1/"#, #"/readyz|/openapi\.yaml"#, #"\?[A-Za-z~]+="#,
        #""[A-Za-z]+":"#,
        #"\{"#, #"(?i)\bheaders?\b"#, #"\bETag\b"#, #"(?i)\bquery\b"#, #"\bJSON\b"#,
    ]

    /// - Returns: the words that were found, for a test's message; empty if there are none.
    public static func found(in text: String) -> [String] {
        patterns.compactMap { pattern in
            text.range(of: pattern, options: .regularExpression).map { String(text[$0]) }
        }
    }
}
