// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// The process metrics, under the names of Prometheus' own client libraries.
enum ProcessSampler {
    static func samples() -> [MetricSample] {
        let values: [(Metric, Double?)] = [
            (.residentMemory, residentMemory), (.openFiles, openFiles), (.maximumFiles, maximumFiles),
            (.startTime, startTime), (.processorTime, processorTime),
        ]
        return values.compactMap { metric, value in value.map { MetricSample(metric, $0) } }
    }

    private static var residentMemory: Double? {
        guard let fields = content(of: "/proc/self/statm")?.split(separator: " "), fields.count > 1 else { return nil }
        return Double(fields[1]).map { $0 * Double(sysconf(CInt(_SC_PAGESIZE))) }
    }

    private static var openFiles: Double? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        // Not counted: the folder, its parent, and the descriptor that reads the folder.
        while readdir(folder) != nil { count += 1 }
        return Double(max(0, count - 3))
    }

    private static var maximumFiles: Double? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur)
    }

    private static var processorTime: Double? {
        guard let user = statField(14), let system = statField(15) else { return nil }
        return (user + system) / ticksPerSecond
    }

    /// Read once: it does not change, but the clock that it is computed from may be set.
    private static let startTime: Double? = {
        guard let start = statField(22), let uptime = content(of: "/proc/uptime")?.prefix(while: { $0 != " " }),
            let uptime = Double(uptime)
        else { return nil }
        return Date.now.timeIntervalSince1970 - uptime + start / ticksPerSecond
    }()

    private static let ticksPerSecond = Double(sysconf(CInt(_SC_CLK_TCK)))

    /// A field of /proc/self/stat, by its number in proc(5).
    private static func statField(_ number: Int) -> Double? {
        // The second field is the program's name in parentheses. It may contain spaces.
        guard let stat = content(of: "/proc/self/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[end...].split(separator: " ")
        return fields.count > number - 2 ? Double(fields[number - 2]) : nil
    }

    /// The beginning of a small file under /proc.
    private static func content(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, read(file, buffer.baseAddress, buffer.count))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
