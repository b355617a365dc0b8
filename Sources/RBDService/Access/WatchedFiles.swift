// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization

/// What is read from files, and again when they change. They are looked at when it is asked for, once a second at most, so that
/// nothing has to be told of a change.
///
/// What a change makes of no use is logged once, and what was right before it stays.
final class WatchedFiles<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var stamps: [FileStamp?]
        /// What is wrong with the files as they are now.
        var objection: ConfigurationError?
        var nextLook: ContinuousClock.Instant
    }

    private static var interval: Duration { .seconds(1) }

    private let paths: [String]
    private let name: String
    private let logger: Logger
    private let load: @Sendable () throws(ConfigurationError) -> Value
    private let state: Mutex<State>

    /// - Parameters:
    ///   - name: as the log has it, such as "the token file".
    ///   - load: reads the files.
    /// - Throws: `ConfigurationError` where the files can't be used.
    init(
        _ paths: [String],
        as name: String,
        logger: Logger,
        load: @escaping @Sendable () throws(ConfigurationError) -> Value
    ) throws(ConfigurationError) {
        self.paths = paths
        self.name = name
        self.logger = logger
        self.load = load
        let stamps = Self.stamps(paths)
        state = Mutex(State(value: try load(), stamps: stamps, nextLook: .now + Self.interval))
    }

    func current(now: ContinuousClock.Instant = .now) -> Value {
        state.withLock { state in
            guard state.nextLook <= now else { return state.value }
            state.nextLook = now + Self.interval
            // Before reading: what changes meanwhile is seen the next time.
            let stamps = Self.stamps(paths)
            let hasChanged = stamps != state.stamps
            // What can't be used is tried again all the same: that may not have been the files' fault.
            guard hasChanged || state.objection != nil else { return state.value }
            state.stamps = stamps
            do throws(ConfigurationError) {
                state.value = try load()
                state.objection = nil
                logger.notice("\(name) was read again")
            } catch {
                if hasChanged || error != state.objection {
                    logger.error("\(name) can't be used as it is now", metadata: [LogKeys.error: "\(error)"])
                }
                state.objection = error
            }
            return state.value
        }
    }

    private static func stamps(_ paths: [String]) -> [FileStamp?] {
        paths.map { FileStamp(path: $0) }
    }
}
