// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension OperationKind {
    /// All kinds that this release knows.
    static let all: [OperationKind] = [
        .purgeImage, .flattenImage, .copyImage, .sparsifyImage, .rebuildObjectMap, .rollBackImage, .shrinkImage,
        .rollBackGroup,
        .createPool,
    ]

    static let purgeImage = PurgeImage.kind
    static let flattenImage = FlattenImage.kind
    static let copyImage = CopyImage.kind
    static let sparsifyImage = SparsifyImage.kind
    static let rebuildObjectMap = RebuildObjectMap.kind
    static let rollBackImage = RollBackImage.kind
    static let shrinkImage = ShrinkImage.kind
    static let rollBackGroup = RollBackGroup.kind
    static let createPool = CreatePool.kind
}
