// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
public import RBDAPI

extension ProblemCode {
    /// All codes of the table in `openapi.yaml`, with its meanings as their titles.
    public static let inContract = Result<[ProblemCode], any Error> {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("openapi.yaml")
        return try String(contentsOf: file, encoding: .utf8)
            .matches(of: #/\| `([a-z-]+)` \| ([0-9]+) \| (.+) \|/#)
            .compactMap { row in
                Int(row.2).map { ProblemCode(String(row.1), $0, String(row.3)) }
            }
    }
}
