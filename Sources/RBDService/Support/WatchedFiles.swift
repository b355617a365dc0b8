// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
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
        /// They are being read for those who wait for it.
        var reading: Task<Void, Never>?
    }

    /// What a look at the files has found to be done.
    private enum Finding {
        case nothing
        case read(hasChanged: Bool)
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

    /// What the files say. Where they have changed, they are read in this very call.
    func current(now: ContinuousClock.Instant = .now) -> Value {
        if case .read(let hasChanged) = state.withLock({ look(now, &$0) }) { read(hasChanged: hasChanged) }
        return state.withLock { $0.value }
    }

    /// Reads them where they have changed, on a thread of its own: ten thousand tokens take their time, and event loops have none. Whoever
    /// asks meanwhile waits, too, so that nobody is let in by what was so before.
    func refresh(now: ContinuousClock.Instant = .now) async {
        let reading = state.withLock { state -> Task<Void, Never>? in
            if let reading = state.reading { return reading }
            guard case .read(let hasChanged) = look(now, &state) else { return nil }
            let reading = Task {
                await withCheckedContinuation { continuation in
                    DispatchQueue.global().async {
                        self.read(hasChanged: hasChanged)
                        continuation.resume()
                    }
                }
                self.state.withLock { $0.reading = nil }
            }
            state.reading = reading
            return reading
        }
        await reading?.value
    }

    private func look(_ now: ContinuousClock.Instant, _ state: inout State) -> Finding {
        guard state.nextLook <= now else { return .nothing }
        state.nextLook = now + Self.interval
        // Before reading: what changes meanwhile is seen the next time.
        let stamps = Self.stamps(paths)
        let hasChanged = stamps != state.stamps
        // What can't be used is tried again all the same: that may not have been the files' fault.
        guard hasChanged || state.objection != nil else { return .nothing }
        state.stamps = stamps
        return .read(hasChanged: hasChanged)
    }

    private func read(hasChanged: Bool) {
        let result = Result(catching: load)
        state.withLock { state in
            switch result {
            case .success(let value):
                state.value = value
                state.objection = nil
                logger.notice("\(name) was read again")
            case .failure(let error):
                if hasChanged || error != state.objection {
                    logger.error("\(name) can't be used as it is now", metadata: [LogKeys.error: "\(error)"])
                }
                state.objection = error
            }
        }
    }

    private static func stamps(_ paths: [String]) -> [FileStamp?] {
        paths.map { FileStamp(path: $0) }
    }
}
