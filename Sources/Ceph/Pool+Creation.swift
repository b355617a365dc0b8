// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc
import Naming

/// A pool between its creation and its readiness: its placement groups become active one by one, which may take as long
/// as OSDs are missing. Until then nothing can be stored in the pool itself.
extension Pool {
    /// The name of the application RBD in a pool.
    private static let application = "rbd"

    /// The maximum length of a mark: the monitors' limit for the metadata of applications.
    public static let markLength = 128

    /// Stores a short text about the pool in the OSD map, and enables the application RBD on the pool.
    /// - Parameter value: at most ``markLength`` bytes; nil to remove it.
    /// - C function: rados_application_enable, rados_application_metadata_set, rados_application_metadata_remove,
    ///   rados_wait_for_latest_osdmap
    public func setMark(_ key: String, to value: String?) async throws {
        let resource = resource
        try await withContext(.changePool, on: resource) { context throws(CephError) in
            if let value {
                // Repeating this is safe.
                try check(rados_application_enable(context.pointer, Self.application, 0), .changePool, on: resource)
                try check(
                    rados_application_metadata_set(context.pointer, Self.application, key, value),
                    .changePool,
                    on: resource
                )
            } else {
                let result = rados_application_metadata_remove(context.pointer, Self.application, key)
                if result != -ENOENT { try check(result, .changePool, on: resource) }
            }
            try check(rados_wait_for_latest_osdmap(context.rados.pointer), .changePool, on: resource)
        }
    }

    /// A text that was stored about the pool, as far as this client knows; see ``Cluster/refreshMap()``.
    /// - Throws: `CephError` with `.poolNotFound`, `.overloaded`, `.notStarted`, `.timedOut`.
    /// - C function: rados_application_metadata_get
    public func mark(_ key: String) async throws -> String? {
        let (name, rados, resource) = (name, cluster.rados, resource)
        // This bypasses the breakers, because nothing is sent to the cluster.
        return try await cluster.calls.run(.openPool, on: resource) { () throws(CephError) in
            let context = try IOContext(Place(pool: name), rados: rados)
            var buffer = [CChar](repeating: 0, count: Self.markLength + 1)
            var length = buffer.count
            let result = rados_application_metadata_get(
                context.pointer,
                Self.application,
                key,
                &buffer,
                &length
            )
            if result == -ENOENT { return nil }
            try check(result, .openPool, on: resource)
            return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }

    /// Waits until each placement group of the pool answers a listing of its objects.
    /// - Parameter count: the number of placement groups.
    /// - Throws: `CephError` with `.stopped`, `.timedOut` (one does not answer; try again).
    /// - C function: rados_object_list_slice, rados_object_list
    public func waitForPlacementGroups(_ count: Int, call: LongCall, on threads: BlockingPool) async throws {
        let resource = resource
        try await withContext(.initializePool, on: resource, through: threads) { context throws(CephError) in
            let pointer = context.pointer
            guard let begin = rados_object_list_begin(pointer), let end = rados_object_list_end(pointer) else {
                throw CephError(.poolNotFound, .initializePool, on: resource)
            }
            defer {
                rados_object_list_cursor_free(pointer, begin)
                rados_object_list_cursor_free(pointer, end)
            }
            // Groups begin at multiples of a power of two, so no slice reaches into a second one.
            var slices = 1
            while slices < count { slices *= 2 }
            for index in 0..<slices {
                try call.advance(to: UInt64(index), of: UInt64(slices), .initializePool, on: resource)
                var (from, to): (rados_object_list_cursor?, rados_object_list_cursor?) = (
                    rados_object_list_begin(pointer), rados_object_list_end(pointer)
                )
                rados_object_list_slice(pointer, begin, end, index, slices, &from, &to)
                defer {
                    rados_object_list_cursor_free(pointer, from)
                    rados_object_list_cursor_free(pointer, to)
                }
                var item = rados_object_list_item()
                var next: rados_object_list_cursor? = rados_object_list_begin(pointer)
                defer { rados_object_list_cursor_free(pointer, next) }
                let result = rados_object_list(pointer, from, to, 1, nil, 0, &item, &next)
                try check(result, .initializePool, on: resource)
                if result > 0 { rados_object_list_free(1, &item) }
            }
        }
    }
}

extension Cluster {
    /// Updates this client's map to that of the monitors. A client that sends no requests gets no updates.
    /// - C function: rados_mon_command (`osd pool ls`), rados_wait_for_latest_osdmap
    public func refreshMap() async throws {
        try await run(.listPools, on: .cluster) { rados throws(CephError) in
            _ = try rados.refreshMap(.listPools, on: .cluster)
        }
    }
}

extension RadosHandle {
    /// - Returns: the names of the existing pools.
    /// - C function: rados_mon_command (`osd pool ls`), rados_wait_for_latest_osdmap
    func refreshMap(_ operation: CephError.Operation, on resource: CephError.Resource) throws(CephError) -> [String] {
        // Only a command has a timeout, so it comes first.
        let names: [String] = try answer(to: "osd pool ls", operation, on: resource)
        try check(rados_wait_for_latest_osdmap(pointer), operation, on: resource)
        return names
    }
}
