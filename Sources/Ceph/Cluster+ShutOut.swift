// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados

extension Cluster {
    /// Shuts another client out of the cluster, and comes back once this connection knows that. From then on whatever this connection asks
    /// of an object brings the OSD to that knowledge first, so that nothing of the other client comes after it there.
    /// - Parameters:
    ///   - address: IP address, port and nonce, as ``address`` of the other connection tells them.
    ///   - duration: for how long. It must outlast the longest time for which a process may be stopped and still go on.
    /// - Throws: `CephError` with `.ownClient`, `.credentialsRefused`, `.timedOut`, `.clientBlocklisted`.
    /// - C function: rados_blocklist_add, rados_wait_for_latest_osdmap
    public func shutOut(clientAt address: String, for duration: Duration) async throws {
        let rados = rados
        try await run(.shutOutClient, on: .cluster) { () throws(CephError) in
            guard address != rados.address else { throw CephError(.ownClient, .shutOutClient, on: .cluster) }
            var text = Array(address.utf8CString)
            let seconds = UInt32(clamping: duration.components.seconds)
            try check(rados_blocklist_add(rados.pointer, &text, seconds), .shutOutClient, on: .cluster)
            try check(rados_wait_for_latest_osdmap(rados.pointer), .shutOutClient, on: .cluster)
        }
    }
}
