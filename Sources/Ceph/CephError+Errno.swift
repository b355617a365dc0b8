// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The one table from errno to meaning. It is keyed by what was being done, because a number alone says little: ENOENT
/// is a missing pool from `rados_ioctx_create`, a missing image from `rbd_remove`, a missing key from `rados_connect`.
///
/// The rows were measured on librados and librbd 16.2.15. The first row that fits is taken.
enum ErrnoTable {
    struct Row {
        var errno: CInt
        /// Nil: whatever was being done.
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
        Row(ENOENT, [.openPool, .initializePool, .listImages, .deletePool], .poolNotFound),
        Row(ENOENT, [.findNamespace, .removeNamespace], .namespaceNotFound),
        Row(ENOENT, [.listNamespaces, .createNamespace], .poolNotFound),
        Row(ENOENT, [.createSnapshot, .changeSnapshot, .removeSnapshot, .rollBackImage], .snapshotNotFound),
        Row(ENOENT, [.readImage, .removeImage, .repairImage], .imageNotFound),
        // A missing namespace is told apart by asking for it.
        Row(ENOENT, [.createImage, .cloneImage], .dataPoolNotFound),
        // RADOS bounds the names of objects and namespaces; nothing longer can exist.
        Row(
            ENAMETOOLONG,
            [.findNamespace, .listImages, .createImage, .cloneImage, .removeNamespace],
            .namespaceNotFound
        ),
        Row(ENAMETOOLONG, [.readImage, .removeImage, .repairImage], .imageNotFound),
        Row(EEXIST, [.createPool], .poolExists),
        Row(EEXIST, [.createImage, .cloneImage], .imageExists),
        Row(EEXIST, [.createSnapshot, .changeSnapshot], .snapshotExists),
        Row(EEXIST, [.createNamespace], .namespaceExists),
        Row(EBUSY, [.createPool, .deletePool], .other),
        Row(EBUSY, [.removeSnapshot], .snapshotProtected),
        Row(EBUSY, [.removeNamespace], .namespaceNotEmpty),
        Row(EBUSY, nil, .imageBusy),
        Row(ENOTEMPTY, [.removeImage], .imageHasSnapshots),
        Row(EMLINK, [.removeImage], .imageInGroup),
        Row(EROFS, nil, .imageReadOnly),
        Row(EDOM, [.createImage, .cloneImage], .invalidObjectSize),
        Row(ENOSYS, [.createImage, .cloneImage], .invalidFeatures),
        Row(ENOSYS, nil, .unsupported),
        Row(EOPNOTSUPP, nil, .unsupported),
        Row(EINVAL, [.configure, .connect], .invalidConfiguration),  // connect: a monitor's name can't be resolved
        Row(EINVAL, [.createImage, .cloneImage], .invalidImageOption),
        Row(EINVAL, [.createPool], .invalidPoolOption),
        Row(ERANGE, [.createPool], .invalidPoolOption),  // too many placement groups
        Row(EDQUOT, nil, .poolFull),
        Row(ENOSPC, nil, .poolFull),
        Row(EPERM, [.deletePool], .poolDeletionDisabled),
        Row(EPERM, [.createPool], .invalidPoolOption),  // a single copy, where the monitors forbid it
        Row(EPERM, nil, .credentialsRefused),
        Row(EACCES, nil, .credentialsRefused),
        Row(ESHUTDOWN, nil, .clientBlocklisted),
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
        // A number without a meaning of its own is still worth its name in the log and in the answer.
        if code == .other, self.detail == nil { self.detail = String(cString: strerror(errno)) }
    }
}

/// Turns Ceph's convention (0 or more: fine, negative: -errno) into a throw. The C library's own errno plays no part.
@discardableResult
func check(
    _ result: CInt,
    _ operation: CephError.Operation,
    on resource: CephError.Resource
) throws(CephError) -> CInt {
    guard result < 0 else { return result }
    throw CephError(errno: -result, operation, on: resource)
}
