// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The descriptors that the process may have open: each connection takes one.
enum Descriptors {
    /// Asks the system for enough, and sees how many connections that makes.
    /// - Parameter wanted: connections.
    /// - Returns: how many connections there may be, so that as many descriptors are left to the connection to the cluster,
    ///   which needs them more: without, nobody could be served.
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

    /// Descriptors for all but connections: the event loops', the listening socket's, and those of librados, which opens
    /// some for each daemon of the cluster that it talks to.
    static let reserve = 512

    static func connections(wanted: Int, descriptors: Int) -> Int {
        max(1, min(wanted, descriptors - min(reserve, descriptors / 2)))
    }
}
