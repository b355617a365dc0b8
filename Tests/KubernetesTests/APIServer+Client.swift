// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kubernetes
import Logging
import Testing

extension APIServer {
    /// Runs the body with a client that has all rights, for what kubectl can't do, or would need a process for each
    /// object for.
    static func withClient<Value>(_ body: (KubernetesClient) async throws -> Value) async throws -> Value {
        let path = try #require(ProcessInfo.processInfo.environment["KUBECONFIG"])
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let client = KubernetesClient(try Credentials.kubeconfig(path: path, logger: logger), program: "tests")
        let result: Result<Value, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        await client.shutdown()
        return try result.get()
    }
}
