// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import NIOCore
import RBDAPI
import ServiceLifecycle
import Synchronization

/// Those who follow operations to their end. However many follow one of them, its record is read once for all, and what
/// is new is written once for all who see the same: a thousand followers cost little more than their connections.
final class OperationFollowers: Sendable {
    private struct Follower {
        let access: Access
        let stream: AsyncStream<ByteBuffer>.Continuation
        var told: RBDAPI.Operation
        var toldAt = ContinuousClock.now
    }

    private struct Desk {
        var followers: [UInt64: Follower] = [:]
    }

    private struct State {
        /// By the operation's id; each has a task that looks after it as long as there are followers.
        var desks: [String: Desk] = [:]
        var numbers: UInt64 = 0
    }

    private let store: OperationStore
    private let state = Mutex(State())

    /// How often a record is read.
    private static let pulse = Duration.milliseconds(400)
    /// For so long nothing is sent at most, so that what is in between does not take the silence for a dead connection.
    private static let silence = Duration.seconds(10)
    /// So many events wait for a reader who is slow. Each has the whole operation: the newest say it all.
    private static let unread = 4

    init(store: OperationStore) {
        self.store = store
    }

    /// Follows an operation to its end, or to that of its record, of the service, of the reader's patience, or of the
    /// token that he came with.
    /// - Parameter first: the operation as it is, which is told at once.
    func follow(_ first: RBDAPI.Operation) throws -> AsyncStream<ByteBuffer> {
        let access = Access.current
        let (events, stream) = AsyncStream.makeStream(
            of: ByteBuffer.self,
            bufferingPolicy: .bufferingNewest(Self.unread)
        )
        stream.yield(try Self.event(first.seen(with: access)))
        guard !first.state.isFinished else {
            stream.finish()
            return events
        }
        let (number, isFirst) = state.withLock { state in
            state.numbers += 1
            let isFirst = state.desks[first.id] == nil
            state.desks[first.id, default: Desk()].followers[state.numbers] = Follower(
                access: access,
                stream: stream,
                told: first
            )
            return (state.numbers, isFirst)
        }
        stream.onTermination = { [weak self] _ in
            self?.state.withLock { $0.desks[first.id]?.followers[number] = nil }
        }
        if isFirst { lookAfter(first.id) }
        return events
    }

    /// Begins a task that is nobody's request: it has no deadline, asks for nobody and sees all. Of the request that
    /// began it, it has that it ends with the service.
    private func lookAfter(_ id: String) {
        let task = {
            Task {
                // Where nobody was left, the desk may be somebody else's by now.
                guard await cancelWhenGracefulShutdown({ await self.run(id) }) else { return }
                let desk = self.state.withLock { $0.desks.removeValue(forKey: id) }
                for follower in (desk ?? Desk()).followers.values { follower.stream.finish() }
            }
        }
        Deadline.$current.withValue(nil) {
            Caller.$current.withValue(nil) {
                _ = Access.$current.withValue(.unlimited, operation: task)
            }
        }
    }

    /// Until nobody follows the operation, or there is nothing more to tell.
    /// - Returns: whether anybody follows it.
    private func run(_ id: String) async -> Bool {
        while true {
            do {
                try await Task.sleep(for: Self.pulse)
            } catch {
                return true
            }
            let followers = state.withLock { state -> [UInt64: Follower] in
                let followers = state.desks[id]?.followers ?? [:]
                // Whoever comes after this finds no desk, and begins anew.
                if followers.isEmpty { state.desks[id] = nil }
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
                // The cluster may be away for a while; the streams stay.
                latest = nil
            }
            await tell(latest, to: followers, of: id)
            if latest?.state.isFinished == true { return true }
        }
    }

    /// - Parameter latest: nil where it can't be read.
    private func tell(_ latest: RBDAPI.Operation?, to followers: [UInt64: Follower], of id: String) async {
        var written: (operation: RBDAPI.Operation, event: ByteBuffer)?
        for (number, follower) in followers {
            guard (try? await follower.access.requireStillValid()) != nil,
                latest.map(follower.access.mayFollow) ?? true
            else {
                follower.stream.finish()
                continue
            }
            let operation = latest ?? follower.told
            if operation != follower.told {
                let seen = operation.seen(with: follower.access)
                if written?.operation != seen, let event = try? Self.event(seen) { written = (seen, event) }
                if let written { follower.stream.yield(written.event) }
            } else if .now - follower.toldAt > Self.silence {
                follower.stream.yield(ByteBuffer(string: ": still \(operation.state.rawValue)\n\n"))
            } else {
                continue
            }
            state.withLock { state in
                state.desks[id]?.followers[number]?.told = operation
                state.desks[id]?.followers[number]?.toldAt = .now
            }
        }
    }

    private static func event(_ operation: RBDAPI.Operation) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // JSON has no line feed of its own, so that one line holds it.
        return ByteBuffer(
            string: "event: operation\ndata: \(String(decoding: try encoder.encode(operation), as: UTF8.self))\n\n"
        )
    }
}
