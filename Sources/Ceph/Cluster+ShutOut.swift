// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados

extension Cluster {
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
