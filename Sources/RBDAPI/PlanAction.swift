// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension Plan {
    /// What a step does: a verb and its object. The texts are part of the contract: none is renamed or reused.
    public struct Action: RawRepresentable, Codable, Hashable, CaseIterable, Sendable, CustomStringConvertible {
        /// The action in kebab-case, such as `create-image`.
        public let rawValue: String

        /// - Parameter rawValue: may be an action of a newer release.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        private init(_ rawValue: String) {
            self.rawValue = rawValue
        }

        public var description: String { rawValue }

        public static let addImageToGroup = Action("add-image-to-group")
        public static let adoptImage = Action("adopt-image")
        public static let allowOverwrites = Action("allow-overwrites")
        public static let askOthers = Action("ask-others")
        public static let breakClone = Action("break-clone")
        public static let breakLock = Action("break-lock")
        public static let breakMigration = Action("break-migration")
        public static let cancelOperation = Action("cancel-operation")
        public static let clearRemnant = Action("clear-remnant")
        public static let cloneImage = Action("clone-image")
        public static let copyImage = Action("copy-image")
        public static let createErasureCodeProfile = Action("create-erasure-code-profile")
        public static let createGroup = Action("create-group")
        public static let createGroupSnapshot = Action("create-group-snapshot")
        public static let createImage = Action("create-image")
        public static let createNamespace = Action("create-namespace")
        public static let createPool = Action("create-pool")
        public static let createSnapshot = Action("create-snapshot")
        public static let deleteGroup = Action("delete-group")
        public static let deleteGroupSnapshot = Action("delete-group-snapshot")
        public static let deleteNamespace = Action("delete-namespace")
        public static let deletePool = Action("delete-pool")
        public static let deleteSnapshot = Action("delete-snapshot")
        public static let destroyContents = Action("destroy-contents")
        public static let destroyImageData = Action("destroy-image-data")
        public static let disableFeatures = Action("disable-features")
        public static let enableFeatures = Action("enable-features")
        public static let endClient = Action("end-client")
        public static let endMigration = Action("end-migration")
        public static let endMirroring = Action("end-mirroring")
        public static let evictClient = Action("evict-client")
        public static let flattenClone = Action("flatten-clone")
        public static let flattenImage = Action("flatten-image")
        public static let growImage = Action("grow-image")
        public static let initializePool = Action("initialize-pool")
        public static let moveToTrash = Action("move-to-trash")
        public static let protectSnapshot = Action("protect-snapshot")
        public static let purgeImage = Action("purge-image")
        public static let rebuildObjectMap = Action("rebuild-object-map")
        public static let releaseImage = Action("release-image")
        public static let removeImageFromGroup = Action("remove-image-from-group")
        public static let removeLock = Action("remove-lock")
        public static let removeMetadata = Action("remove-metadata")
        public static let renameGroup = Action("rename-group")
        public static let renameImage = Action("rename-image")
        public static let renamePool = Action("rename-pool")
        public static let renameSnapshot = Action("rename-snapshot")
        public static let restoreImage = Action("restore-image")
        public static let rollbackImage = Action("rollback-image")
        public static let setAutoscale = Action("set-autoscale")
        public static let setMetadata = Action("set-metadata")
        public static let setMinSize = Action("set-min-size")
        public static let setPGNum = Action("set-pg-num")
        public static let setQoS = Action("set-qos")
        public static let setQuota = Action("set-quota")
        public static let setSize = Action("set-size")
        public static let setSnapshotLimit = Action("set-snapshot-limit")
        public static let shrinkImage = Action("shrink-image")
        public static let sparsifyImage = Action("sparsify-image")
        public static let unprotectSnapshot = Action("unprotect-snapshot")

        /// All actions that this release knows. `openapi.yaml` lists the same; a test compares them.
        public static let allCases: [Action] = [
            .addImageToGroup, .adoptImage, .allowOverwrites, .askOthers, .breakClone, .breakLock, .breakMigration,
            .cancelOperation, .clearRemnant, .cloneImage, .copyImage, .createErasureCodeProfile, .createGroup,
            .createGroupSnapshot, .createImage, .createNamespace, .createPool, .createSnapshot, .deleteGroup,
            .deleteGroupSnapshot, .deleteNamespace, .deletePool, .deleteSnapshot, .destroyContents, .destroyImageData,
            .disableFeatures, .enableFeatures, .endClient, .endMigration, .endMirroring, .evictClient, .flattenClone,
            .flattenImage, .growImage, .initializePool, .moveToTrash, .protectSnapshot, .purgeImage,
            .rebuildObjectMap, .releaseImage, .removeImageFromGroup, .removeLock, .removeMetadata, .renameGroup,
            .renameImage, .renamePool, .renameSnapshot, .restoreImage, .rollbackImage, .setAutoscale, .setMetadata,
            .setMinSize, .setPGNum, .setQoS, .setQuota, .setSize, .setSnapshotLimit, .shrinkImage, .sparsifyImage,
            .unprotectSnapshot,
        ]
    }
}
