// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Logging
import Synchronization

/// Keeps a copy of all objects of a kind, and tells what changes.
///
/// It lists the objects, and then watches them from the version of the list. If the API server no longer has the
/// changes since the last version (410), it lists them again, and tells the differences. Repeated events change
/// nothing.
public final class Reflector<Object: KubernetesObject>: Sendable {
    private struct State {
        /// The version up to which all changes are known.
        var version = ""
        var isSynced = false
        var statistics = ReflectorStatistics()
    }

    /// What is known, as far as it is kept. The records of who has set which field (`managedFields`) are always left
    /// out: they are half of an object, and an update without them keeps them.
    public let store = ObjectStore<Object>()
    private let client: KubernetesClient
    private let selection: Selection
    private let configuration: ReflectorConfiguration
    private let logger: Logger
    private let keep: @Sendable (Object) -> Object
    private let onChange: @Sendable (ObjectChange<Object>) -> Void
    private let contact = LastContact()
    private let state = Mutex(State())

    /// - Parameters:
    ///   - keep: the part of an object that the store keeps. It must have the names, the `uid` and the
    ///     `resourceVersion`.
    ///   - onChange: called for each change, one at a time, after the store has it. It must return quickly: usually it
    ///     adds a key to a ``WorkQueue``.
    public init(
        _ client: KubernetesClient,
        _ selection: Selection = Selection(),
        configuration: ReflectorConfiguration = ReflectorConfiguration(),
        logger: Logger,
        keeping keep: @escaping @Sendable (Object) -> Object = { $0 },
        onChange: @escaping @Sendable (ObjectChange<Object>) -> Void
    ) {
        self.client = client
        self.selection = selection
        self.configuration = configuration
        var logger = logger
        logger[metadataKey: "kubernetes.resource"] = "\(Object.resource.plural)"
        self.logger = logger
        self.keep = keep
        self.onChange = onChange
    }

    /// Whether the store has had a complete list.
    public var isSynced: Bool { state.withLock { $0.isSynced } }

    /// How long the API server has told nothing; nil if it has never answered. It sends a bookmark each minute.
    public var ageOfLastContact: Duration? { contact.instant.map { ContinuousClock.now - $0 } }

    public var statistics: ReflectorStatistics { state.withLock { $0.statistics } }

    /// Waits until the store has had a complete list.
    /// - Throws: `CancellationError`.
    public func waitUntilSynced() async throws {
        while !isSynced { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Lists and watches until the task is cancelled.
    public func run() async {
        var backoff = configuration.backoff
        while !Task.isCancelled {
            do {
                try await list()
                try await watch(&backoff)
                // Not at once: other clients of the API server have to list again at the same moment.
                try await Task.sleep(for: backoff.next())
            } catch is CancellationError {
                return
            } catch {
                guard await pause(after: error, &backoff) else { return }
            }
        }
    }

    private func list() async throws {
        let list: ObjectList<Object> = try await client.list(
            Object.self,
            selection,
            pageSize: configuration.pageSize,
            timeLimit: configuration.listTimeLimit,
            keeping: { [keep] in keep(Self.trimmed($0)) },
            onPage: { [contact] in contact.note() }
        )
        let changes = store.replace(with: list.items)
        state.withLock { state in
            state.version = list.resourceVersion
            state.statistics.lists += 1
        }
        for change in changes { onChange(change) }
        state.withLock { $0.isSynced = true }
    }

    /// Watches, again and again, until a new list is needed.
    private func watch(_ backoff: inout Backoff) async throws {
        while true {
            try Task.checkCancellation()
            let start = ContinuousClock.now
            do {
                try await watchOnce()
                if ContinuousClock.now - start >= configuration.goodWatch {
                    backoff.reset()
                } else {
                    try await Task.sleep(for: backoff.next())
                }
            } catch let error as KubernetesError where error.isExpired {
                logger.info("the objects are listed again", metadata: ["error": "\(error)"])
                if ContinuousClock.now - start >= configuration.goodWatch { backoff.reset() }
                return
            } catch let error as KubernetesError {
                if ContinuousClock.now - start >= configuration.goodWatch { backoff.reset() }
                guard await pause(after: error, &backoff) else { throw CancellationError() }
                // The version may be one that the API server does not have, such as after a restored backup.
                if backoff.attempts >= Self.attemptsBeforeList { return }
            }
        }
    }

    private static var attemptsBeforeList: Int { 5 }

    private func watchOnce() async throws {
        let version = state.withLock { state in
            state.statistics.watches += 1
            return state.version
        }
        try await client.watch(
            Object.self,
            selection,
            after: version,
            limit: configuration.watchLimit * Double.random(in: 1...2),
            idleLimit: configuration.idleLimit,
            onContact: { [contact] in contact.note() },
            onEvent: { try self.take($0) }
        )
    }

    private func take(_ event: WatchEvent<Object>) throws {
        let known = state.withLock { state in
            state.statistics.events += 1
            return state.version
        }
        let outcome: ObjectStore<Object>.Outcome
        let version: String
        switch event {
        case .added(let object), .modified(let object):
            outcome = store.put(keep(Self.trimmed(object)), after: known)
            version = object.metadata.resourceVersion
        case .deleted(let object):
            outcome = store.remove(keep(Self.trimmed(object)))
            version = object.metadata.resourceVersion
        case .bookmark(let new):
            outcome = .changes([])
            version = new
        case .error(let error): throw error
        }
        guard case .changes(let changes) = outcome else {
            throw KubernetesError(.expired, message: "an event is older than what is known, and tells something else")
        }
        // A repeated event must not take the version back.
        let isRepeated = UInt64(version).flatMap { new in UInt64(known).map { new <= $0 } } ?? false
        if !isRepeated, !version.isEmpty { state.withLock { $0.version = version } }
        for change in changes { onChange(change) }
    }

    /// - Returns: false if the task is cancelled.
    private func pause(after error: any Error, _ backoff: inout Backoff) async -> Bool {
        // Only the first failure of a row is worth a warning.
        logger.log(
            level: backoff.attempts == 0 ? .warning : .debug,
            "objects of the Kubernetes API can't be watched; trying again",
            metadata: ["error": "\(error)"]
        )
        state.withLock { $0.statistics.failures += 1 }
        let asked = (error as? KubernetesError)?.retryAfterSeconds.map { Duration.seconds(min($0, 60)) }
        do {
            try await Task.sleep(for: max(backoff.next(), asked ?? .zero))
            return true
        } catch {
            return false
        }
    }

    private static func trimmed(_ object: Object) -> Object {
        var object = object
        var metadata = object.metadata
        guard metadata.managedFields != nil else { return object }
        metadata.managedFields = nil
        object.metadata = metadata
        return object
    }
}
