// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// The memory of another process on this machine, according to Linux.
struct ProcessMemory {
    let pid: Int

    /// The current resident memory, in MB of 1,000,000 bytes.
    func resident() throws -> Double { try megabytes("VmRSS:") }

    /// The highest resident memory since ``resetPeak()``, in MB of 1,000,000 bytes.
    func peak() throws -> Double { try megabytes("VmHWM:") }

    /// Resets the peak to the current resident memory.
    func resetPeak() throws {
        try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/\(pid)/clear_refs"))
    }

    private func megabytes(_ key: String) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
            let kibibytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({
                Double($0)
            })
        else { throw ValidationError("/proc/\(pid)/status has no \(key)") }
        return kibibytes * 1024 / 1_000_000
    }
}
