// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The kind of an operation. A record with a kind that this release does not know is left to the newer release that wrote it.
enum OperationKind: String, CaseIterable {
    case purgeImage = "purge-image"
    case flattenImage = "flatten-image"
    case copyImage = "copy-image"
    case sparsifyImage = "sparsify-image"
    case rebuildObjectMap = "rebuild-object-map"
    case rollBackImage = "rollback-image"
    case shrinkImage = "shrink-image"
    case rollBackGroup = "rollback-group"
    case createPool = "create-pool"

    /// The scope that is needed to begin the operation, and to cancel it.
    var verb: Verb {
        switch self {
        case .purgeImage: .purge
        case .copyImage: .create
        case .createPool: .admin
        case .flattenImage, .sparsifyImage, .rebuildObjectMap, .rollBackImage, .rollBackGroup, .shrinkImage: .modify
        }
    }

    /// Whether the operation's data passes through this process, which takes memory.
    var movesData: Bool { self == .copyImage || self == .flattenImage }

    /// Whether the operation leaves everything consistent if it is ended half-way.
    var isCancellable: Bool {
        switch self {
        case .purgeImage, .flattenImage, .copyImage, .sparsifyImage, .rebuildObjectMap: true
        case .rollBackImage, .rollBackGroup, .shrinkImage, .createPool: false
        }
    }
}
