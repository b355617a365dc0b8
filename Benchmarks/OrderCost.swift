// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The cost of order between replicas: the calls that take and release claims and keep records, as the service itself
/// counts and times them.
struct OrderCost {
    private let client: PlainClient
    private let before: (count: Double, seconds: Double)

    init(_ client: PlainClient) throws {
        self.client = client
        before = try Self.read(client)
    }

    /// Prints the cost since the beginning.
    /// - Parameter requests: the number of changes that were requested meanwhile.
    func tell(_ requests: Int, _ what: String) throws {
        // The last claims are released after their answers.
        let now = try Self.read(client)
        let (count, seconds) = (now.count - before.count, now.seconds - before.seconds)
        let calls = decimals(count / Double(max(1, requests)))
        // A few of the calls belong to the service's own background work.
        guard count >= Double(requests) else { return print("order between replicas: \(calls) calls for each \(what)") }
        print(
            "order between replicas: \(calls) calls for each \(what), \(decimals(seconds / count * 1000)) ms each on average;",
            "claims are released after the answer"
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
