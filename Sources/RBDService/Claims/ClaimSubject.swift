// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph

/// One thing that at most one replica changes at a time.
enum ClaimSubject: Hashable, Sendable {
    /// An image's name, whether or not an image has it.
    case name(RawName, namespace: String)
    case image(id: String, namespace: String)
    case group(String, namespace: String)
    /// The right to work on an operation.
    case operation(String)

    /// The key in the pool's records that exists as long as the subject is claimed.
    var key: String {
        switch self {
        case .name(let name, let namespace): "\(Self.prefix)name.\(namespace)/\(name.key)"
        case .image(let id, let namespace): "\(Self.prefix)image.\(namespace)/\(id)"
        case .group(let name, let namespace): "\(Self.prefix)group.\(namespace)/\(name)"
        case .operation(let id): "\(Self.prefix)operation.\(id)"
        }
    }

    static let prefix = "held."
}

/// The purpose of a claim.
enum ClaimPurpose: String, Codable, Sendable {
    case createImage = "create-image"
    case cloneImage = "clone-image"
    case deleteImage = "delete-image"
    case changeImage = "change-image"
    case restoreImage = "restore-image"
    case purgeImage = "purge-image"
    case changeGroup = "change-group"
    /// Held while a replica works on an operation.
    case operation

    /// Words that follow "is" in a sentence.
    var text: String {
        switch self {
        case .createImage: "being created"
        case .cloneImage: "being cloned"
        case .deleteImage: "being deleted"
        case .changeImage, .changeGroup: "being changed"
        case .restoreImage: "being restored"
        case .purgeImage: "being purged"
        case .operation: "being worked on"
        }
    }
}
