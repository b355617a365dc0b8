// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// An error of Ceph, with the operation that failed and its resource.
///
/// `description` is safe to show to a caller; `debugDescription` adds the operation and the errno for the log.
public struct CephError: Error, Hashable, Sendable {
    /// The meaning. One errno means different things for different resources: see `CephError+Errno.swift`.
    public var code: Code
    /// The operation that failed.
    public var operation: Operation
    /// The resource of the operation.
    public var resource: Resource
    /// The positive errno that librados or librbd returned; nil if the call was refused before it was made.
    public var errno: CInt?
    /// The message of a monitor, if there is one, or the reason for which the call was refused.
    public var detail: String?
    /// For `.clusterUnreachable`: the error of the attempt to connect.
    public var cause: Code?

    public init(
        _ code: Code,
        _ operation: Operation,
        on resource: Resource,
        errno: CInt? = nil,
        detail: String? = nil
    ) {
        self.code = code
        self.operation = operation
        self.resource = resource
        self.errno = errno
        self.detail = detail
    }

    public enum Operation: String, CaseIterable, Sendable {
        case configure, connect, readStatus
        case listPools, openPool, createPool, initializePool, changePool, deletePool
        case findNamespace, listNamespaces, createNamespace, removeNamespace
        case listImages, readImage, createImage, changeImage, removeImage, repairImage
        case createSnapshot, changeSnapshot, removeSnapshot, rollBackImage
        case cloneImage, flattenImage, copyImage, sparsifyImage, rebuildObjectMap
        case listTrash, moveToTrash, restoreImage, purgeImage
        case readGroup, changeGroup, changeGroupImages, changeGroupSnapshots
        case breakLock, evictClient, shutOutClient
        case readRecord, changeRecord
    }

    public enum Resource: Hashable, Sendable {
        case cluster
        case pool(String)
        case namespace(Place)
        case image(ImageSpec)
        case snapshot(SnapshotSpec)
        case group(GroupSpec)
        case groupSnapshot(GroupSnapshotSpec)
    }
}

extension CephError.Operation {
    /// Whether the operation changes the cluster. If its answer does not come, the outcome is unknown.
    public var isChange: Bool {
        switch self {
        case .configure, .connect, .readStatus, .listPools, .openPool, .findNamespace, .listNamespaces, .listImages,
            .readImage, .listTrash, .readGroup, .readRecord:
            false
        case .createPool, .initializePool, .changePool, .deletePool, .createNamespace, .removeNamespace, .createImage,
            .changeImage, .removeImage, .repairImage, .createSnapshot, .changeSnapshot, .removeSnapshot,
            .rollBackImage, .cloneImage, .flattenImage, .copyImage, .sparsifyImage, .rebuildObjectMap, .moveToTrash,
            .restoreImage, .purgeImage, .changeGroup, .changeGroupImages, .changeGroupSnapshots, .breakLock,
            .evictClient, .shutOutClient, .changeRecord:
            true
        }
    }
}

extension CephError.Resource: CustomStringConvertible {
    public var description: String {
        switch self {
        case .cluster: "the cluster"
        case .pool(let pool): "pool \"\(pool)\""
        case .namespace(let place): "namespace \"\(place)\""
        case .image(let spec): "image \"\(spec)\""
        case .snapshot(let spec): "snapshot \"\(spec)\""
        case .group(let spec): "group \"\(spec)\""
        case .groupSnapshot(let spec): "group snapshot \"\(spec)\""
        }
    }
}

extension CephError: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String {
        let sentence = code.sentence(resource)
        return detail.map { "\(sentence): \($0)" } ?? sentence
    }

    public var debugDescription: String {
        "\(description) [\(operation.rawValue), \(code.rawValue)\(errno.map { ", errno \($0)" } ?? "")]"
    }
}
