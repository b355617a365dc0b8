// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The body of `PATCH /v1/pools/{pool}/image-ids/{id}`.
public struct RenameImageRequest: Codable, Hashable, Sendable, RequestBody {
    /// The image's new name. The image stays in its pool and namespace.
    public var name: String

    public init(name: String) {
        self.name = name
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case name
    }

    public static let fieldNames = CodingKeys.allCases.map(\.rawValue)
}
