// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Synchronization
import TestSupport

/// A request of a controller, as the proxy has seen it.
struct ProxiedRequest: Sendable {
    let number: Int
    let method: String
    let uri: String
    let body: String
    /// The status of the API server's answer; nil as long as there is none.
    var status: Int?

    init(number: Int, method: String, uri: String, body: String) {
        (self.number, self.method, self.uri, self.body) = (number, method, uri, body)
    }

    var path: Substring { uri.prefix { $0 != "?" } }
    var isWatch: Bool { uri.contains("watch=true") }
    /// Such as `persistentvolumes`, for lists and watches.
    var resource: String { String(path.split(separator: "/").last ?? "") }
    /// Whether it changes something, other than the Lease.
    var isWrite: Bool { method != "GET" && !path.contains("/leases") }
    /// Whether it changes a volume or a claim. All other writes are Events.
    var isWriteOfVolume: Bool { isWrite && path.contains("/persistentvolume") }

    func isFor(_ method: String, volume name: String) -> Bool {
        self.method == method && path == "/api/v1/persistentvolumes/\(name)"
    }

    func isForStatus(ofClaim name: String) -> Bool {
        method == "PATCH" && path == "/api/v1/namespaces/default/persistentvolumeclaims/\(name)/status"
    }
}

/// A line of a watch.
struct ProxiedEvent: Sendable {
    let resource: String
    /// Such as `MODIFIED`, `BOOKMARK` and `ERROR`.
    let type: String
    /// The code of an error.
    let code: Int?
    /// As the API server has sent it.
    let line: ByteBuffer

    init(_ line: ByteBuffer, of resource: String) {
        struct Event: Decodable {
            struct Object: Decodable {
                var code: Int?
            }

            var type: String
            var object: Object
        }
        let event = try? JSONDecoder().decode(Event.self, from: Data(line.readableBytesView))
        (self.resource, self.line) = (resource, line)
        (type, code) = (event?.type ?? "", event?.object.code)
    }
}

/// A request that the proxy holds, until the test decides what becomes of it.
final class HeldRequest: Sendable {
    enum Decision: Sendable {
        case forward, drop
    }

    private struct State {
        var request: ProxiedRequest?
        var decision: Decision?
        var waiter: CheckedContinuation<Decision, Never>?
        var status: Int?
    }

    private let matches: @Sendable (ProxiedRequest) -> Bool
    private let state = Mutex(State())

    init(_ matches: @escaping @Sendable (ProxiedRequest) -> Bool) {
        self.matches = matches
    }

    // MARK: For the test

    /// Waits until there is such a request.
    @discardableResult
    func waitUntilHeld(within seconds: Double = 30) async throws -> ProxiedRequest {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if let request = state.withLock({ $0.request }) { return request }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestCluster.Failure(description: "the controller has not sent the request that is to be held")
    }

    /// Sends the request to the API server now.
    /// - Returns: the status of the answer.
    func forward(within seconds: Double = 30) async throws -> Int {
        decide(.forward)
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if let status = state.withLock({ $0.status }) { return status }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestCluster.Failure(description: "the API server has not answered the request that was held")
    }

    /// The API server never gets the request, and the connection is closed.
    func drop() {
        decide(.drop)
    }

    private func decide(_ decision: Decision) {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.decision == nil { state.decision = decision }
            return state.waiter
        }
        waiter?.resume(returning: decision)
    }

    // MARK: For the proxy

    /// Whether this request is the one to hold. Later ones pass.
    func takes(_ request: ProxiedRequest) -> Bool {
        guard matches(request) else { return false }
        return state.withLock { state in
            guard state.request == nil, state.decision == nil else { return false }
            state.request = request
            return true
        }
    }

    func decision() async -> Decision {
        await withCheckedContinuation { continuation in
            let decision = state.withLock { state in
                if state.decision == nil { state.waiter = continuation }
                return state.decision
            }
            if let decision { continuation.resume(returning: decision) }
        }
    }

    func note(status: Int) {
        state.withLock { $0.status = status }
    }
}
