// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import RBDAPI

/// How much memory the process may take, and how that is shared out. What it takes by itself, connections included, has the rest.
struct MemoryLimit: Hashable, Sendable {
    /// In bytes.
    var bytes: Int

    /// Where nothing sets a limit.
    static let usual = MemoryLimit(bytes: 2 << 30)

    /// For data that is being copied.
    var dataBytes: Int { bytes * 3 / 16 }
    /// For large answers that wait for their readers.
    var answerBytes: Int { bytes / 16 }

    /// - Parameter text: a size; `auto` for what the control group of the process may have.
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

    /// The limit of the container, with either version of control groups: `memory.max`, `memory.limit_in_bytes`.
    private static func ofControlGroup() -> MemoryLimit? {
        let groups = read("/proc/self/cgroup").split(separator: "\n").map {
            $0.split(separator: ":", omittingEmptySubsequences: false)
        }
        var files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        for group in groups where group.count == 3 {
            if group[1].isEmpty { files.append("/sys/fs/cgroup\(group[2])/memory.max") }
            if group[1] == "memory" { files.append("/sys/fs/cgroup/memory\(group[2])/memory.limit_in_bytes") }
        }
        // Without a limit version 1 tells a number near the largest there is.
        let limits = files.compactMap { Int(read($0).filter(\.isNumber)) }.filter { $0 > 0 && $0 < 1 << 50 }
        return limits.min().map { MemoryLimit(bytes: $0) }
    }

    private static func read(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
