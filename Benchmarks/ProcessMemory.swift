// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// What another process on this machine holds, as Linux tells it.
struct ProcessMemory {
    let pid: Int

    /// What it holds now, in MB of 1,000,000 bytes.
    func resident() throws -> Double { try megabytes("VmRSS:") }

    /// The most that it has held since ``resetPeak()``.
    func peak() throws -> Double { try megabytes("VmHWM:") }

    /// From now on the peak counts anew.
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
