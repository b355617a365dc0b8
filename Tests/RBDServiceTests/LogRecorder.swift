// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

@testable import RBDService

/// Keeps the lines that the real handler writes.
final class LogRecorder: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    func logger(format: LogFormat = .json, level: Logger.Level = .debug) -> Logger {
        Logger(label: "test") { label in
            LineLogHandler(label: label, format: format, level: level) { line in
                self.kept.withLock { $0.append(line) }
            }
        }
    }
}
