// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension Records {
    /// Creates the object with these values.
    /// - Returns: false if the object exists already. Then nothing was changed.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rados_write_op_operate, rados_write_op_create, rados_write_op_omap_set2
    public func create(with values: [String: [UInt8]]) async throws -> Bool {
        try await withObject(.changeRecord) { object throws(CephError) in
            try object.create(with: values)
        }
    }

    /// Removes the object with all that is in it.
    /// - Parameter version: the object must not have changed since this version was read.
    /// - Returns: false if it has changed, or no longer exists. Then nothing was changed.
    /// - C function: rados_write_op_operate, rados_write_op_assert_version, rados_write_op_remove
    public func removeObject(ifUnchangedSince version: Version) async throws -> Bool {
        try await withObject(.changeRecord) { object throws(CephError) in
            try object.remove(ifVersion: version.number)
        }
    }
}

extension RecordObject {
    fileprivate func create(with values: [String: [UInt8]]) throws(CephError) -> Bool {
        let write = CompoundWrite()
        write.create()
        for (key, value) in values { write.setValue(key, value) }
        let result = write.operate(on: name, in: context)
        if result == -EEXIST { return false }
        try check(result, .changeRecord, on: resource)
        return true
    }

    fileprivate func remove(ifVersion version: UInt64) throws(CephError) -> Bool {
        let write = CompoundWrite()
        write.assertVersion(version)
        write.remove()
        let result = write.operate(on: name, in: context)
        // Changed, or gone.
        if result == -ERANGE || result == -EOVERFLOW || result == -ENOENT { return false }
        try check(result, .changeRecord, on: resource)
        return true
    }
}
