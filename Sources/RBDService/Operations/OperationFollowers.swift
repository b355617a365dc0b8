// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import NIOCore
import RBDAPI
import ServiceLifecycle
import Synchronization

/// Sends the progress of operations to the callers that follow them. The record of an operation is read once for all
/// its followers, and each event is encoded once for all followers that may see the same. So a thousand followers cost
/// little more than their connections.
final class OperationFollowers: Sendable {
    private struct Follower {
        let access: Access
        let stream: AsyncStream<ByteBuffer>.Continuation
        var sent: RBDAPI.Operation
        var sentAt = ContinuousClock.now
    }

    private struct State {
        /// The followers of each operation, by its id and their numbers. Each operation has a task that reads it as
        /// long as there are followers.
        var followed: [String: [UInt64: Follower]] = [:]
        var numbers: UInt64 = 0
    }

    private let store: OperationStore
    private let state = Mutex(State())

    /// The interval at which a record is read.
    private static let interval = Duration.milliseconds(400)
    /// The maximum time without data. Longer keepAlive would look like a dead connection to proxies.
    private static let keepAlive = Duration.seconds(10)
    /// The maximum number of events that wait for a slow reader. Each contains the whole operation, so only the newest
    /// are kept.
    private static let maximumUnread = 4

    init(store: OperationStore) {
        self.store = store
    }

    /// Follows an operation. The stream ends with the operation, or earlier: if its record is gone, if the service
    /// ends, if the reader closes it, or if the reader's token expires or is revoked.
    /// - Parameter first: the current state of the operation, which is sent immediately.
    func follow(_ first: RBDAPI.Operation) -> AsyncStream<ByteBuffer> {
        let access = Access.current
        let (events, stream) = AsyncStream.makeStream(
            of: ByteBuffer.self,
            bufferingPolicy: .bufferingNewest(Self.maximumUnread)
        )
        stream.yield(Self.event(Seen(first, by: access)))
        guard !first.state.isFinished else {
            stream.finish()
            return events
        }
        let (number, isFirst) = state.withLock { state in
            state.numbers += 1
            let isFirst = state.followed[first.id] == nil
            let follower = Follower(access: access, stream: stream, sent: first)
            state.followed[first.id, default: [:]][state.numbers] = follower
            return (state.numbers, isFirst)
        }
        stream.onTermination = { [weak self] _ in
            self?.state.withLock { $0.followed[first.id]?[number] = nil }
        }
        if isFirst { lookAfter(first.id) }
        return events
    }

    /// Starts the task that reads an operation. It belongs to no request: it has no deadline, no caller, and sees
    /// everything. From the request that starts it, it inherits only that it ends with the service.
    private func lookAfter(_ id: String) {
        let task = {
            Task {
                // If no follower was left, the entry may belong to a new task by now.
                guard await cancelWhenGracefulShutdown({ await self.run(id) }) else { return }
                let rest = self.state.withLock { $0.followed.removeValue(forKey: id) }
                for follower in (rest ?? [:]).values { follower.stream.finish() }
            }
        }
        Deadline.$current.withValue(nil) {
            Caller.$current.withValue(nil) {
                _ = Access.$current.withValue(.unlimited, operation: task)
            }
        }
    }

    /// Reads the operation until nobody follows it, or nothing more can change.
    /// - Returns: false if nobody follows it any more.
    private func run(_ id: String) async -> Bool {
        while true {
            do {
                try await Task.sleep(for: Self.interval)
            } catch {
                return true
            }
            let followers = state.withLock { state -> [UInt64: Follower] in
                let followers = state.followed[id] ?? [:]
                // The next follower finds no entry, and starts a new task.
                if followers.isEmpty { state.followed[id] = nil }
                return followers
            }
            if followers.isEmpty { return false }
            let latest: RBDAPI.Operation?
            do {
                latest = try await store.any(id)?.operation
                if latest == nil { return true }
            } catch is CancellationError {
                return true
            } catch {
                // The cluster may be unreachable for a while. The streams stay open.
                latest = nil
            }
            await send(latest, to: followers, of: id)
            if latest?.state.isFinished == true { return true }
        }
    }

    /// - Parameter latest: nil if the record can't be read.
    private func send(_ latest: RBDAPI.Operation?, to followers: [UInt64: Follower], of id: String) async {
        var written: (operation: Seen<RBDAPI.Operation>, event: ByteBuffer)?
        for (number, follower) in followers {
            guard (try? await follower.access.requireStillValid()) != nil,
                latest.map(follower.access.mayFollow) ?? true
            else {
                follower.stream.finish()
                continue
            }
            let operation = latest ?? follower.sent
            if operation != follower.sent {
                let seen = Seen(operation, by: follower.access)
                if written?.operation != seen { written = (seen, Self.event(seen)) }
                if let written { follower.stream.yield(written.event) }
            } else if .now - follower.sentAt > Self.keepAlive {
                follower.stream.yield(ByteBuffer(string: ": still \(operation.state.rawValue)\n\n"))
            } else {
                continue
            }
            state.withLock { state in
                state.followed[id]?[number]?.sent = operation
                state.followed[id]?[number]?.sentAt = .now
            }
        }
    }

    private static func event(_ operation: Seen<RBDAPI.Operation>) -> ByteBuffer {
        var event = ByteBuffer(string: "event: operation\ndata: ")
        // The encoder writes no line feeds, so the JSON fits in one line of data.
        if let json = SeenJSON(operation) { event.writeImmutableBuffer(json.buffer) }
        event.writeString("\n\n")
        return event
    }
}
