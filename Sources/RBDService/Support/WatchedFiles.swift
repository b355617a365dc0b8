// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
import Logging
import Synchronization

/// A value that is read from files, and read again when they change. Each use checks the files, once a second at most,
/// so that no notification is needed.
///
/// If the new content is invalid, that is logged once, and the previous value stays in use.
final class WatchedFiles<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var stamps: [FileStamp?]
        /// Why the current content of the files is invalid.
        var objection: ConfigurationError?
        var nextLook: ContinuousClock.Instant
        /// The task that is reading the files; others wait for it.
        var reading: Task<Void, Never>?
    }

    private static var interval: Duration { .seconds(1) }

    private let paths: [String]
    private let name: String
    private let logger: Logger
    private let load: @Sendable () throws(ConfigurationError) -> Value
    private let state: Mutex<State>

    /// - Parameters:
    /// - name: the name in logs, such as "the token file".
    ///   - load: reads the files.
    /// - Throws: `ConfigurationError` if the files can't be used.
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

    /// The current value. If the files have changed, this call reads them.
    func current(now: ContinuousClock.Instant = .now) -> Value {
        if let hasChanged = state.withLock({ look(now, &$0) }) { read(hasChanged: hasChanged) }
        return state.withLock { $0.value }
    }

    /// Reads changed files on another thread: ten thousand tokens take time, and an event loop must not block. Other
    /// callers wait as well, so that no request is checked against the old content.
    func refresh(now: ContinuousClock.Instant = .now) async {
        let reading = state.withLock { state -> Task<Void, Never>? in
            if let reading = state.reading { return reading }
            guard let hasChanged = look(now, &state) else { return nil }
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

    /// - Returns: whether the files have changed; nil if they need not be read.
    private func look(_ now: ContinuousClock.Instant, _ state: inout State) -> Bool? {
        guard state.nextLook <= now else { return nil }
        state.nextLook = now + Self.interval
        // Before reading, so that the next check finds changes that are made meanwhile.
        let stamps = Self.stamps(paths)
        let hasChanged = stamps != state.stamps
        // Invalid content is read again each time: the cause may be outside the files.
        guard hasChanged || state.objection != nil else { return nil }
        state.stamps = stamps
        return hasChanged
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
                    logger.error(
                        "\(name) can't be used; the previous content stays in use",
                        metadata: [LogKeys.error: "\(error)"]
                    )
                }
                state.objection = error
            }
        }
    }

    private static func stamps(_ paths: [String]) -> [FileStamp?] {
        paths.map { FileStamp(path: $0) }
    }
}
