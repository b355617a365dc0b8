// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A line of the audit log, as tests read it.
public struct AuditRecord: Decodable, Sendable {
    public struct Image: Decodable, Hashable, Sendable {
        public var name: String
        public var sizeBytes: UInt64?
        public var features: [String]?

        public init(name: String, sizeBytes: UInt64?, features: [String]?) {
            (self.name, self.sizeBytes, self.features) = (name, sizeBytes, features)
        }
    }

    public var time: String
    public var event: String
    public var requestId: String?
    public var identity: String?
    public var peer: String?
    public var verb: String?
    public var method: String?
    public var route: String?
    public var object: String?
    public var outcome: String?
    public var status: Int?
    public var code: String?
    public var errno: Int?
    public var durationMs: Double?
    public var operations: [String]?
    public var operation: String?
    public var kind: String?
    public var before: Image?
    public var after: Image?

    /// Reads all lines of a file. Each must be complete.
    public static func read(_ path: String) throws -> [AuditRecord] {
        try parse(String(contentsOfFile: path, encoding: .utf8))
    }

    public static func parse(_ text: String) throws -> [AuditRecord] {
        guard text.isEmpty || text.hasSuffix("\n") else {
            throw TestCluster.Failure(description: "the last line is torn: \(text.suffix(200))")
        }
        return try text.split(separator: "\n").map { line in
            do {
                return try JSONDecoder().decode(AuditRecord.self, from: Data(line.utf8))
            } catch {
                throw TestCluster.Failure(description: "no line of the audit log: \(line)")
            }
        }
    }
}
