// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Logging
import Synchronization

/// Writes one line per event to standard error.
public struct LineLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level

    private let label: String
    private let format: LogFormat
    private let output: @Sendable (String) -> Void

    public init(label: String, format: LogFormat, level: Logger.Level) {
        self.init(label: label, format: format, level: level, output: Self.writeToStandardError)
    }

    /// - Parameter output: takes each line, with its line feed.
    init(label: String, format: LogFormat, level: Logger.Level, output: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.format = format
        self.output = output
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var members = metadata
        if let provided = metadataProvider?.get() { members.merge(provided) { $1 } }
        if let own = event.metadata { members.merge(own) { $1 } }
        if let error = event.error { members[LogKeys.error] = "\(error)" }
        output(
            format.line(
                time: LogText.time(),
                level: event.level,
                label: label,
                message: "\(event.message)",
                metadata: members
            )
        )
    }

    /// Held while a line is written. It matters only if one write(2) does not write the whole line.
    private static let standardError = Mutex(())

    private static let writeToStandardError: @Sendable (String) -> Void = { line in
        var line = line
        line.withUTF8 { bytes in
            standardError.withLock { _ in
                var rest = UnsafeRawBufferPointer(bytes)
                while !rest.isEmpty {
                    let count = write(STDERR_FILENO, rest.baseAddress, rest.count)
                    // The log has no reader, or its disk is full. The service goes on.
                    guard count > 0 || (count < 0 && errno == EINTR) else { return }
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(0, count)))
                }
            }
        }
    }
}
