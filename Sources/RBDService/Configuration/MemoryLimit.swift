// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import RBDAPI

/// The memory limit of the process, and its shares. The rest is for everything else, connections included.
struct MemoryLimit: Hashable, Sendable {
    /// In bytes.
    var bytes: Int

    /// The limit if nothing sets one.
    static let usual = MemoryLimit(bytes: 2 << 30)

    /// For data that is being copied, in bytes.
    var dataBytes: Int { bytes * 3 / 16 }
    /// For large answers that wait for their readers, in bytes.
    var answerBytes: Int { bytes / 16 }

    /// - Parameter text: a size, or `auto` for the limit of the process's control group.
    init?(_ text: String) {
        guard text != "auto" else {
            self = Self.ofControlGroup() ?? .usual
            return
        }
        guard let count = try? ByteCount(parsing: text), let bytes = Int(exactly: count.bytes), bytes >= 64 << 20 else {
            return nil
        }
        self.bytes = bytes
    }

    private init(bytes: Int) {
        self.bytes = bytes
    }

    /// The limit of the container, from either version of control groups: `memory.max`, `memory.limit_in_bytes`.
    private static func ofControlGroup() -> MemoryLimit? {
        let groups = read("/proc/self/cgroup").split(separator: "\n").map {
            $0.split(separator: ":", omittingEmptySubsequences: false)
        }
        var files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        for group in groups where group.count == 3 {
            if group[1].isEmpty { files.append("/sys/fs/cgroup\(group[2])/memory.max") }
            if group[1] == "memory" { files.append("/sys/fs/cgroup/memory\(group[2])/memory.limit_in_bytes") }
        }
        // Without a limit, version 1 shows a number near the largest possible one.
        let limits = files.compactMap { Int(read($0).filter(\.isNumber)) }.filter { $0 > 0 && $0 < 1 << 50 }
        return limits.min().map { MemoryLimit(bytes: $0) }
    }

    private static func read(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
