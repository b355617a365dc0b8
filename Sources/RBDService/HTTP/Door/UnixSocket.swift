// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import NIOCore

/// A Unix socket to listen on. Anyone who can write to its file can reach the service.
struct UnixSocket: Hashable, Sendable {
    var path: String
    /// The permission bits of the file.
    var mode: mode_t
    /// The file's group; nil for the process's own.
    var group: gid_t?

    /// The length of `sun_path` without its terminating zero.
    static let maximumPathLength = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// - Returns: nil if there is no such group.
    static func group(named name: String) -> gid_t? {
        if let number = gid_t(name) { return number }
        return getgrnam(name)?.pointee.gr_gid
    }

    /// Whether this process may give a file to the group.
    static func mayAssign(_ group: gid_t) -> Bool {
        if geteuid() == 0 || getegid() == group { return true }
        var groups = [gid_t](repeating: 0, count: 65_536)
        let count = getgroups(CInt(groups.count), &groups)
        return count > 0 && groups[..<Int(count)].contains(group)
    }

    /// Checks that nothing is at the path, except for a socket that a dead service has left. Only that may be replaced.
    /// - Throws: `ListenError`.
    func requireFree() throws(ListenError) {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return }
        guard attributes[.type] as? FileAttributeType == .typeSocket else {
            throw ListenError(.socket(self), errno: EEXIST)
        }
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        let result = (try? SocketAddress(unixDomainSocketPath: path))?.withSockAddr { address, size in
            connect(descriptor, address, socklen_t(size))
        }
        guard result != 0, errno == ECONNREFUSED else { throw ListenError(.socket(self), errno: EADDRINUSE) }
    }

    /// The umask for creating the socket.
    var mask: mode_t { 0o777 & ~mode }

    /// - Returns: whether the file now has the configured group.
    func assignGroup() -> Bool {
        group.map { chown(path, uid_t.max, $0) == 0 } ?? true
    }

    func remove() {
        unlink(path)
    }
}
