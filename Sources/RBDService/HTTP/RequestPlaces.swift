// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import NIOCore
import RBDAPI
import Synchronization

/// Shares the service fairly between identities that send requests at the same time.
///
/// An identity with sixty connections would fill the event loops, the threads and the cluster's queues, and the
/// requests of others would wait behind sixty others. So while other identities send requests, too, each identity has a
/// limited number of places. An identity that is alone has no limit. A long request gives up its place before it is
/// answered, because it mostly waits and costs little. Requests wait for a place in the order of their arrival, and are
/// refused at their deadline. A starting operation takes a place of its owner, but never waits for one:
/// ``OperationQueue`` decides when it starts.
final class RequestPlaces: Sendable {
    struct Rules: Sendable {
        /// How many requests of one identity are served at once while others send requests, too. The default leaves
        /// half of the processors to the others.
        var places = max(1, System.coreCount / 2)
        /// How long a request keeps its place.
        var hold = Duration.milliseconds(250)
        /// How long an identity counts as active after a request.
        var memory = Duration.seconds(1)
    }

    /// A request that is being served.
    struct Ticket: Sendable {
        fileprivate let identity: String
        fileprivate let number: UInt64
    }

    private struct Waiter {
        var number: UInt64
        var deadline: ContinuousClock.Instant?
        var continuation: CheckedContinuation<Ticket, any Error>
    }

    private struct Desk {
        /// When the requests that are being served began.
        var served: [UInt64: ContinuousClock.Instant] = [:]
        var waiting = CircularBuffer<Waiter>()
    }

    private struct State {
        /// The identities that have requests here.
        var desks: [String: Desk] = [:]
        var tickets: UInt64 = 0
        var callers: RecentCallers
        /// Whether a task checks for free places and passed deadlines because requests are waiting.
        var isWatched = false
    }

    private let rules: Rules
    private let state: Mutex<State>

    init(rules: Rules = Rules()) {
        self.rules = rules
        state = Mutex(State(callers: RecentCallers(memory: rules.memory)))
    }

    var waiting: Int { state.withLock { $0.desks.values.reduce(0) { $0 + $1.waiting.count } } }

    /// Serves a request as soon as it has a place.
    /// - Parameter identity: the caller; nil if callers are not authenticated: such requests need no place.
    /// - Throws: `Problem` with `overloaded` if there is no place before the request's deadline; `CancellationError`;
    ///   what `body` throws.
    func serve<Value>(_ identity: String?, _ body: () async throws -> Value) async throws -> Value {
        guard let identity else { return try await body() }
        let ticket = try await enter(identity)
        defer {
            // The identity was active until now.
            state.withLock { $0.callers.note(identity, at: .now) }
            leave(ticket)
        }
        return try await body()
    }

    /// Runs something that has already begun. It takes one of its owner's places, without waiting.
    func occupied<Value>(by identity: String?, _ body: () async throws -> Value) async rethrows -> Value {
        guard let identity else { return try await body() }
        let ticket = state.withLock { state in self.ticket(for: identity, at: .now, &state) }
        defer { leave(ticket) }
        return try await body()
    }

    private func enter(_ identity: String) async throws -> Ticket {
        let now = ContinuousClock.now
        if let ticket = state.withLock({ admit(identity, at: now, &$0) }) { return ticket }
        let number = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (watches, isLate) = state.withLock { state in
                    // An earlier cancellation did not find the waiter.
                    if Task.isCancelled { return (false, true) }
                    let waiter = Waiter(number: number, deadline: Deadline.current, continuation: continuation)
                    state.desks[identity, default: Desk()].waiting.append(waiter)
                    defer { state.isWatched = true }
                    return (!state.isWatched, false)
                }
                if isLate { continuation.resume(throwing: CancellationError()) }
                // Detached: the task outlives this request, and must not inherit its task-local values.
                if watches { Task.detached { await self.watch() } }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.desks[identity]?.waiting.firstIndex(where: { $0.number == number }) else {
                    return nil
                }
                defer { tidy(identity, &state) }
                return state.desks[identity]?.waiting.remove(at: index)
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    private func leave(_ ticket: Ticket) {
        let next = state.withLock { state -> (Waiter, Ticket)? in
            let now = ContinuousClock.now
            state.desks[ticket.identity]?.served[ticket.number] = nil
            defer { tidy(ticket.identity, &state) }
            return self.next(of: ticket.identity, at: now, &state)
        }
        if let (waiter, ticket) = next { waiter.continuation.resume(returning: ticket) }
    }

    // MARK: Rules

    /// A ticket for a request that need not wait.
    private func admit(_ identity: String, at now: ContinuousClock.Instant, _ state: inout State) -> Ticket? {
        state.callers.note(identity, at: now)
        guard state.desks[identity]?.waiting.isEmpty ?? true, hasPlace(identity, at: now, state) else { return nil }
        return ticket(for: identity, at: now, &state)
    }

    private func ticket(for identity: String, at now: ContinuousClock.Instant, _ state: inout State) -> Ticket {
        state.tickets += 1
        state.desks[identity, default: Desk()].served[state.tickets] = now
        return Ticket(identity: identity, number: state.tickets)
    }

    private func hasPlace(_ identity: String, at now: ContinuousClock.Instant, _ state: State) -> Bool {
        guard let desk = state.desks[identity], desk.served.count >= rules.places else { return true }
        return state.callers.isAlone(identity, at: now)
            || desk.served.values.count { now - $0 < rules.hold } < rules.places
    }

    private func next(
        of identity: String,
        at now: ContinuousClock.Instant,
        _ state: inout State
    ) -> (Waiter, Ticket)? {
        guard state.desks[identity]?.waiting.isEmpty == false, hasPlace(identity, at: now, state),
            let waiter = state.desks[identity]?.waiting.removeFirst()
        else { return nil }
        return (waiter, ticket(for: identity, at: now, &state))
    }

    /// Forgets an identity that has no requests here.
    private func tidy(_ identity: String, _ state: inout State) {
        guard let desk = state.desks[identity], desk.served.isEmpty, desk.waiting.isEmpty else { return }
        state.desks[identity] = nil
    }

    // MARK: Time

    /// Checks regularly while requests are waiting: places become free by time, too, and deadlines pass.
    private func watch() async {
        while true {
            try? await Task.sleep(for: .milliseconds(20))
            let (admitted, refused, isOver) = state.withLock { state in look(at: .now, &state) }
            for (waiter, ticket) in admitted { waiter.continuation.resume(returning: ticket) }
            for waiter in refused {
                waiter.continuation.resume(
                    throwing: Problem(
                        .overloaded,
                        detail: "too many requests of this identity are waiting, and other identities send requests",
                        hint: "send fewer requests at the same time, or try again in a moment"
                    )
                )
            }
            if isOver { return }
        }
    }

    private func look(
        at now: ContinuousClock.Instant,
        _ state: inout State
    ) -> (admitted: [(Waiter, Ticket)], refused: [Waiter], isOver: Bool) {
        var admitted: [(Waiter, Ticket)] = []
        var refused: [Waiter] = []
        for identity in state.desks.keys {
            func isLate(_ waiter: Waiter) -> Bool { waiter.deadline.map { $0 <= now } ?? false }
            refused += state.desks[identity]?.waiting.filter(isLate) ?? []
            state.desks[identity]?.waiting.removeAll(where: isLate)
            while let next = self.next(of: identity, at: now, &state) { admitted.append(next) }
            tidy(identity, &state)
        }
        state.isWatched = state.desks.values.contains { !$0.waiting.isEmpty }
        return (admitted, refused, !state.isWatched)
    }
}
