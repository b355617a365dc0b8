// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados

/// The clients that hold an image, and how to remove them. In both cases the client is shut out of the cluster
/// (blocklisted), and loses everything that it has open.
extension Pool {
    /// All locks of an image, including those of librbd's own exclusive-lock feature.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_open_read_only, rbd_list_lockers
    public func locks(ofImage name: String) async throws -> [ImageUse.Lock] {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            try OpenImage.named(name, in: context).allLocks()
        }
    }

    /// The clients that have an image open.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_open_read_only, rbd_watchers_list
    public func watchers(ofImage name: String) async throws -> [ImageUse.Watcher] {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            try OpenImage.named(name, in: context).watchers()
        }
    }

    /// Takes a lock from its holder. Also blocklists the holder unless `rbd_blocklist_on_break_lock` is false.
    /// - Throws: `CephError` with `.lockNotFound`, `.ownClient` (the holder is this very connection), `.imageNotFound`,
    ///   `.namespaceNotFound`, `.poolFull`.
    /// - C function: rbd_open_read_only, rbd_list_lockers, rbd_break_lock
    public func breakLock(ofImage name: String, heldBy client: String, cookie: String) async throws {
        let resource = resource(ofImage: name)
        try await withContext(.breakLock, on: resource) { context throws(CephError) in
            let image = try OpenImage.named(name, in: context)
            // Measured on 16.2.15: with a cookie that the client does not have, librbd blocklists the client and then
            // finds no lock.
            guard let lock = try image.allLocks().first(where: { $0.client == client && $0.cookie == cookie }) else {
                throw CephError(.lockNotFound, .breakLock, on: resource)
            }
            guard !context.rados.isOwn(client: lock.client, address: lock.address) else {
                throw CephError(.ownClient, .breakLock, on: resource, detail: client)
            }
            try check(rbd_break_lock(image.pointer, client, cookie), .breakLock, on: resource)
        }
    }

    /// Blocklists a client that has an image open, for the monitors' default duration. Its watch ends when the OSD
    /// learns of that, which takes about a second.
    /// - Throws: `CephError` with `.watcherNotFound`, `.ownClient` (it is this very connection), `.imageNotFound`,
    ///   `.namespaceNotFound`.
    /// - C function: rbd_watchers_list, rados_blocklist_add
    public func evictClient(_ client: String, ofImage name: String) async throws {
        let resource = resource(ofImage: name)
        let addresses = Set(try await watchers(ofImage: name).filter { $0.client == client }.map(\.address))
        guard !addresses.isEmpty else { throw CephError(.watcherNotFound, .evictClient, on: resource) }
        try await cluster.run(.evictClient, on: resource) { rados throws(CephError) in
            for address in addresses {
                guard !rados.isOwn(client: client, address: address) else {
                    throw CephError(.ownClient, .evictClient, on: resource, detail: client)
                }
                var text = Array(address.utf8CString)
                try check(rados_blocklist_add(rados.pointer, &text, 0), .evictClient, on: resource)
            }
        }
    }
}

extension Cluster {
    /// Ceph's name of this connection, such as `client.4123`.
    /// - C function: rados_get_instance_id
    public var client: String { rados.client }

    /// The prefix of the ids of all images that are created through this connection, by librbd or by this module.
    /// - C function: rados_get_instance_id
    public var imageIDPrefix: String { String(rados.instanceID, radix: 16) }

    /// Whether a watcher, or the holder of a lock, is this connection. Shutting it out would cut off this process.
    /// - C function: rados_get_instance_id, rados_getaddrs
    public func isOwn(client: String, address: String) -> Bool {
        rados.isOwn(client: client, address: address)
    }

    /// Shuts another client out of the cluster, and returns when this connection knows that. After that, every request
    /// of this connection first brings the OSD of the object up to date. So no write of the other client can follow it
    /// there.
    /// - Parameters:
    ///   - address: IP address, port and nonce, as in ``address`` of the other connection.
    ///   - duration: how long. It must be longer than the longest time that a process may be stopped and then continue.
    /// - Throws: `CephError` with `.ownClient`.
    /// - C function: rados_blocklist_add, rados_wait_for_latest_osdmap
    public func shutOut(clientAt address: String, for duration: Duration) async throws {
        try await run(.shutOutClient, on: .cluster) { rados throws(CephError) in
            guard address != rados.address else { throw CephError(.ownClient, .shutOutClient, on: .cluster) }
            var text = Array(address.utf8CString)
            let seconds = UInt32(clamping: duration.components.seconds)
            try check(rados_blocklist_add(rados.pointer, &text, seconds), .shutOutClient, on: .cluster)
            try check(rados_wait_for_latest_osdmap(rados.pointer), .shutOutClient, on: .cluster)
        }
    }
}

extension RadosHandle {
    /// - C function: rados_get_instance_id
    var client: String { "client.\(instanceID)" }

    /// The address counts, too: Ceph shuts out addresses.
    fileprivate func isOwn(client: String, address: String) -> Bool {
        client == self.client || address == self.address
    }
}
