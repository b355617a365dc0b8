// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials

/// A point in time by the clock of one of the cluster's OSDs (`utime_t`).
///
/// Objects that are destroyed when they expire use this clock, because the clock of a single machine may be a day
/// ahead.
public struct ClusterTime: Hashable, Sendable, Comparable {
    /// Since 1970.
    public var seconds: UInt32
    public var nanoseconds: UInt32 = 0

    public var date: Date { Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9) }

    /// A text that is equal only for equal times.
    var text: String { "\(seconds).\(nanoseconds)" }

    var wire: [UInt8] { WireWriter.integer(seconds) + WireWriter.integer(nanoseconds) }

    public static func < (left: ClusterTime, right: ClusterTime) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// - Parameter duration: only whole seconds count. If the sum is beyond the largest time that Ceph can write, the
    ///   result is that time.
    public static func + (time: ClusterTime, duration: Duration) -> ClusterTime {
        let sum = Int64(time.seconds).addingReportingOverflow(max(0, duration.components.seconds))
        let seconds = sum.overflow ? Int64(UInt32.max) : min(sum.partialValue, Int64(UInt32.max))
        return ClusterTime(seconds: UInt32(seconds), nanoseconds: time.nanoseconds)
    }
}

extension WireReader {
    /// `utime_t`
    mutating func time() -> ClusterTime? {
        guard let seconds = integer(UInt32.self), let nanoseconds = integer(UInt32.self) else { return nil }
        return ClusterTime(seconds: seconds, nanoseconds: nanoseconds)
    }
}
