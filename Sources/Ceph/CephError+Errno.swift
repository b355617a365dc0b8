// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The only table from errno to meaning. Its key includes the operation, because a number alone says little: ENOENT is
/// a missing pool from `rados_ioctx_create`, a missing image from `rbd_remove`, a missing key from `rados_connect`.
///
/// The rows were measured on librados and librbd 16.2.15. The first matching row applies.
enum ErrnoTable {
    struct Row {
        var errno: CInt
        /// Nil means any operation.
        var operations: Set<CephError.Operation>?
        var code: CephError.Code

        init(_ errno: CInt, _ operations: Set<CephError.Operation>? = nil, _ code: CephError.Code) {
            self.errno = errno
            self.operations = operations
            self.code = code
        }
    }

    static let rows: [Row] = [
        Row(ENOENT, [.configure], .invalidConfiguration),  // no such file, no such option
        Row(ENOENT, [.connect], .keyringNotFound),
        // A key of the type aes256k, or a cluster that forbids the older type, with a librados before 19.2.6 and
        // 20.2.4.
        Row(EIO, [.connect], .keyUnsupported),
        Row(
            ENOENT,
            [.openPool, .initializePool, .listImages, .changePool, .deletePool, .listNamespaces, .createNamespace],
            .poolNotFound
        ),
        Row(ENOENT, [.findNamespace, .removeNamespace], .namespaceNotFound),
        Row(ENOENT, [.restoreImage, .purgeImage, .listTrash], .trashEntryNotFound),
        Row(
            ENOENT,
            [
                .readImage, .changeImage, .removeImage, .repairImage, .moveToTrash, .flattenImage, .copyImage,
                .sparsifyImage,
                .rebuildObjectMap,
            ],
            .imageNotFound
        ),
        // An extra request finds out whether the namespace is missing.
        Row(ENOENT, [.createImage, .cloneImage], .dataPoolNotFound),
        Row(ENOENT, [.readGroup, .changeGroup], .groupNotFound),
        Row(ENOENT, [.changeGroupImages], .imageNotFound),
        Row(ENOENT, [.changeGroupSnapshots], .groupSnapshotNotFound),
        // RADOS limits the length of names of objects and namespaces. Nothing with a longer name can exist.
        Row(
            ENAMETOOLONG,
            [.findNamespace, .listImages, .createImage, .readGroup, .changeGroup, .cloneImage, .removeNamespace],
            .namespaceNotFound
        ),
        Row(ENAMETOOLONG, [.readImage, .removeImage, .repairImage], .imageNotFound),
        Row(ENOENT, [.breakLock], .lockNotFound),
        Row(EEXIST, [.createPool, .changePool], .poolExists),
        Row(EEXIST, [.createImage, .changeImage, .copyImage, .restoreImage, .cloneImage], .imageExists),
        Row(EEXIST, [.changeGroup], .groupExists),
        Row(EEXIST, [.changeGroupImages], .imageInGroup),
        Row(EEXIST, [.changeGroupSnapshots], .groupSnapshotExists),
        Row(EBUSY, [.createPool, .deletePool], .other),
        // Placement groups are being created.
        Row(EBUSY, [.changePool], .poolBusy),
        Row(ENOENT, [.createSnapshot, .changeSnapshot, .removeSnapshot, .rollBackImage], .snapshotNotFound),
        // An extra request finds out whether the namespace is missing.
        Row(EEXIST, [.createSnapshot, .changeSnapshot], .snapshotExists),
        Row(EEXIST, [.createNamespace], .namespaceExists),
        Row(EBUSY, [.removeSnapshot], .snapshotProtected),
        Row(EBUSY, [.removeNamespace], .namespaceNotEmpty),
        Row(EBUSY, nil, .imageBusy),
        Row(ENOTEMPTY, [.removeImage, .purgeImage], .imageHasSnapshots),
        Row(EMLINK, [.removeImage, .purgeImage], .imageInGroup),
        Row(EROFS, nil, .imageReadOnly),
        Row(EDOM, [.createImage, .cloneImage], .invalidObjectSize),
        Row(ENOSYS, [.createImage, .cloneImage], .invalidFeatures),
        Row(ENOSYS, nil, .unsupported),
        // Erasure-coded pools have no omap, which RBD stores its records in.
        Row(EOPNOTSUPP, [.createImage, .changeGroup], .poolErasureCoded),
        Row(EOPNOTSUPP, [.changePool], .invalidPoolOption),  // the size of an erasure-coded pool
        Row(EOPNOTSUPP, nil, .unsupported),
        Row(EINVAL, [.configure, .connect], .invalidConfiguration),  // connect: a monitor's name can't be resolved
        Row(EINVAL, [.createImage, .copyImage, .sparsifyImage, .rebuildObjectMap, .cloneImage], .invalidImageOption),
        Row(EINVAL, [.flattenImage], .imageHasNoParent),
        Row(EINVAL, [.createPool, .changePool], .invalidPoolOption),
        Row(ERANGE, [.createPool, .changePool], .invalidPoolOption),  // too many placement groups
        Row(EDQUOT, nil, .poolFull),
        Row(ENOSPC, nil, .poolFull),
        Row(EPERM, [.deletePool], .poolDeletionDisabled),
        Row(EPERM, [.createPool, .changePool], .invalidPoolOption),  // a single copy, where the monitors forbid it
        Row(EPERM, [.purgeImage], .trashDeferred),
        Row(EPERM, nil, .credentialsRefused),
        Row(EACCES, nil, .credentialsRefused),
        Row(ESHUTDOWN, nil, .clientBlocklisted),
        Row(ECANCELED, nil, .stopped),
        Row(ETIMEDOUT, [.connect], .clusterUnreachable),
        Row(ETIMEDOUT, nil, .timedOut),
        Row(ENOTCONN, nil, .clusterUnreachable),
        Row(ECONNREFUSED, nil, .clusterUnreachable),
        Row(EHOSTUNREACH, nil, .clusterUnreachable),
    ]

    static func code(errno: CInt, operation: CephError.Operation) -> CephError.Code {
        rows.first { $0.errno == errno && $0.operations?.contains(operation) ?? true }?.code ?? .other
    }
}

extension CephError {
    /// The meaning of a positive errno.
    init(errno: CInt, _ operation: Operation, on resource: Resource, detail: String? = nil) {
        self.init(
            ErrnoTable.code(errno: errno, operation: operation),
            operation,
            on: resource,
            errno: errno,
            detail: detail
        )
        // The name of a number without a meaning of its own is still useful in the log and in the answer.
        if code == .other, self.detail == nil { self.detail = String(cString: strerror(errno)) }
    }
}

/// Throws for a negative number, which is Ceph's convention: 0 or more is success, negative is -errno. The C library's
/// own errno is not used.
/// - Throws: `CephError`. Any call may fail with `.timedOut`, `.credentialsRefused` and `.clientBlocklisted`.
@discardableResult
func check(
    _ result: CInt,
    _ operation: CephError.Operation,
    on resource: CephError.Resource
) throws(CephError) -> CInt {
    guard result < 0 else { return result }
    throw CephError(errno: -result, operation, on: resource)
}
