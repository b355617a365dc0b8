// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The files that a connection was configured from, and their state at that time. librados reads them once. To follow a
/// rotated key or moved monitors, the caller checks whether they have changed, and reconnects.
struct ConfigurationFiles: Hashable {
    /// Enough to see whether a file was replaced, written to, created or removed.
    private struct Look: Hashable {
        var device: UInt
        var inode: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int
    }

    /// All paths where a file may be, whether it exists or not: a new file is a change, too.
    let paths: [String]
    private let looks: [Look?]

    /// - Parameters:
    ///   - configFile: nil for Ceph's default places.
    ///   - cluster: Ceph's name of the cluster, almost always `ceph`.
    ///   - keyring: the option of this name, which is a list.
    init(configFile: String?, cluster: String, keyring: String) {
        let home = getenv("HOME").map { String(cString: $0) } ?? ""
        let configFiles = configFile ?? "/etc/ceph/\(cluster).conf,\(home)/.ceph/\(cluster).conf,\(cluster).conf"
        paths = (configFiles + "," + keyring).split { ",; ".contains($0) }.map(String.init)
        looks = paths.map(Self.look)
    }

    var haveChanged: Bool {
        paths.map(Self.look) != looks
    }

    private static func look(at path: String) -> Look? {
        var status = stat()
        // It follows links: a mounted Kubernetes Secret is replaced by moving a link.
        guard stat(path, &status) == 0 else { return nil }
        return Look(
            device: status.st_dev,
            inode: status.st_ino,
            size: status.st_size,
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec
        )
    }
}
