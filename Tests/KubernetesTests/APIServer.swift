// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The real API server that `dev/kubernetes` has started, with the webhook configuration of `deploy/kubernetes`.
enum APIServer {
    private static let environment = ProcessInfo.processInfo.environment

    /// `dev/kubernetes` sets this. Without it, `swift test` must not touch any cluster that kubectl may know.
    static let isAvailable =
        environment["RBD_REST_API_TEST_KUBECTL"] != nil && environment["KUBECONFIG"] != nil && TestCluster.isAvailable

    static var kubectlPath: String {
        get throws { try #require(environment["RBD_REST_API_TEST_KUBECTL"]) }
    }

    /// Runs kubectl until it ends, with whatever status.
    static func kubectl(_ arguments: String...) async throws -> Subprocess {
        try await kubectl(arguments)
    }

    static func kubectl(_ arguments: [String]) async throws -> Subprocess {
        try await Subprocess.run(try kubectlPath, arguments)
    }

    /// Runs `kubectl apply` on a text with manifests.
    static func apply(_ manifests: String, _ options: [String] = []) async throws -> Subprocess {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(manifests.utf8).write(to: URL(fileURLWithPath: file))
        return try await kubectl(["apply", "-f", file] + options)
    }

    static func apply(_ volumes: [TestVolume], _ options: String...) async throws -> Subprocess {
        try await apply(volumes.map(\.json).joined(separator: "\n"), options)
    }

    /// Runs `kubectl apply`, and repeats it as the documentation tells users to: while the service denies volumes
    /// because Ceph does not answer in time, for example right after daemons were killed. All other failures are
    /// returned at once.
    /// - Returns: the last result, with the errors and warnings of all attempts.
    static func applyPatiently(_ manifests: String, _ options: [String] = []) async throws -> Subprocess {
        let end = ContinuousClock.now + .seconds(60)
        var told = ""
        while true {
            var result = try await apply(manifests, options)
            let isOver = result.status == 0 || !isDeniedForNow(result.standardError)
            told += result.standardError
            result.standardError = told
            if isOver || ContinuousClock.now > end { return result }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    static func applyPatiently(_ volumes: [TestVolume], _ options: String...) async throws -> Subprocess {
        try await applyPatiently(volumes.map(\.json).joined(separator: "\n"), options)
    }

    /// Whether all errors of kubectl are verdicts that may be different in a moment.
    private static func isDeniedForNow(_ standardError: String) -> Bool {
        let errors = standardError.split(separator: "\n").filter { $0.hasPrefix("Error from server") }
        return !errors.isEmpty
            && errors.allSatisfy { error in
                error.contains("denied the request: ")
                    && (error.contains("(Timeout)") || error.contains("(ServiceUnavailable)"))
            }
    }

    /// Runs the body while `kubectl apply` waits for its answer.
    static func applying(_ volume: TestVolume, meanwhile body: () async throws -> Void) async throws -> Subprocess {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(volume.json.utf8).write(to: URL(fileURLWithPath: file))
        let client = try RunningProcess(kubectlPath, ["apply", "-f", file])
        try await body()
        return await client.finish()
    }

    /// The value at a path of an object, such as `{.status.phase}`; empty if there is none.
    static func value(_ path: String, of object: String) async throws -> String {
        try await kubectl("get", object, "-o", "jsonpath=\(path)").standardOutput
    }

    /// Waits until such a value is the expected one.
    static func wait(for expected: String, at path: String, of object: String, within seconds: Double = 60) async throws
    {
        let end = ContinuousClock.now + .seconds(seconds)
        var found = ""
        while ContinuousClock.now < end {
            found = try await value(path, of: object)
            if found == expected { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw TestCluster.Failure(description: "\(path) of \(object) is \"\(found)\", not \"\(expected)\"")
    }

    /// The names of all volumes with a label.
    static func volumes(labelled label: String) async throws -> [String] {
        let result = try await kubectl("get", "pv", "-l", label, "-o", "name")
        try #require(result.status == 0, "\(result.standardError)")
        return result.standardOutput.split(separator: "\n").map { String($0.trimmingPrefix("persistentvolume/")) }
    }

    /// The API server's own histogram of the webhook's latency: the number of answers by their maximum time.
    static func webhookLatency() async throws -> [Double: Int] {
        let metrics = try await kubectl("get", "--raw", "/metrics").standardOutput
        var counts: [Double: Int] = [:]
        for line in metrics.split(separator: "\n")
        where line.hasPrefix("apiserver_admission_webhook_admission_duration_seconds_bucket{")
            && line.contains(#"operation="CREATE""#) && line.contains("rbd-rest-api")
        {
            guard let bound = line.firstMatch(of: /le="([^"]+)"/)?.1, let count = line.split(separator: " ").last,
                let limit = bound == "+Inf" ? .infinity : Double(bound), let number = Double(count)
            else { continue }
            counts[limit, default: 0] += Int(number)
        }
        return counts
    }
}
