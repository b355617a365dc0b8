// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The open files of the process: each connection needs one.
enum Descriptors {
    /// Raises the limit on open files if needed.
    /// - Parameter wanted: the number of connections.
    /// - Returns: how many connections fit into the limit. Enough descriptors are left for librados: without the
    ///   cluster, no request could be served.
    /// - C function: getrlimit, setrlimit
    static func connections(wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        let needed = rlim_t(wanted + reserve)
        if limit.rlim_cur < needed {
            var raised = limit
            raised.rlim_cur = min(needed, limit.rlim_max)
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return connections(wanted: wanted, descriptors: Int(min(limit.rlim_cur, rlim_t(Int32.max))))
    }

    /// The descriptors for everything but connections: the event loops, the listening sockets, and librados, which
    /// opens some for each daemon of the cluster that it talks to.
    static let reserve = 512

    static func connections(wanted: Int, descriptors: Int) -> Int {
        max(1, min(wanted, descriptors - min(reserve, descriptors / 2)))
    }
}
