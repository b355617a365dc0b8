// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What the work of an operation is. A record of a kind that this release does not know is left to the newer one that
/// wrote it.
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

    /// What it takes to begin it, and to cancel it.
    var verb: Verb {
        switch self {
        case .purgeImage: .purge
        case .copyImage: .create
        case .createPool: .admin
        case .flattenImage, .sparsifyImage, .rebuildObjectMap, .rollBackImage, .rollBackGroup, .shrinkImage: .modify
        }
    }

    /// Whether data comes through this process, which takes memory.
    var movesData: Bool { self == .copyImage || self == .flattenImage }

    /// Whether it leaves something whole where it is broken off for good.
    var isCancellable: Bool {
        switch self {
        case .purgeImage, .flattenImage, .copyImage, .sparsifyImage, .rebuildObjectMap: true
        case .rollBackImage, .rollBackGroup, .shrinkImage, .createPool: false
        }
    }
}
