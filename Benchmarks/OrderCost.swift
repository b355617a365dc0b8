// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// What order between replicas costs: the calls that take claims and let them go, and that keep records, as the service
/// itself counts and times them.
struct OrderCost {
    private let client: PlainClient
    private let before: (count: Double, seconds: Double)

    init(_ client: PlainClient) throws {
        self.client = client
        before = try Self.read(client)
    }

    /// Prints what it came to since the beginning.
    /// - Parameter requests: how many changes were asked for meanwhile.
    func tell(_ requests: Int, _ what: String) throws {
        // The last claims are let go behind their answers.
        let now = try Self.read(client)
        let (count, seconds) = (now.count - before.count, now.seconds - before.seconds)
        let calls = decimals(count / Double(max(1, requests)))
        // A few calls are of the service's own looks around.
        guard count >= Double(requests) else { return print("order between replicas: \(calls) calls for each \(what)") }
        print(
            "order between replicas: \(calls) calls for each \(what), \(decimals(seconds / count * 1000)) ms each at the mean;",
            "claims are let go after the answer"
        )
    }

    private static func read(_ client: PlainClient) throws -> (count: Double, seconds: Double) {
        let (status, body) = try client.send("GET", "/metrics")
        guard status == 200 else { throw ValidationError("GET /metrics answered \(status)") }
        func sum(_ name: String) -> Double {
            body.split(separator: "\n").filter {
                $0.hasPrefix("rbd_rest_api_ceph_call_duration_seconds_\(name){")
                    && $0.contains(#"operation="change-record""#)
            }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
        }
        return (sum("count"), sum("sum"))
    }
}
