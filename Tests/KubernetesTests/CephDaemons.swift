// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The daemons of the Ceph cluster that `dev/cluster` has started.
struct CephDaemons {
    let processes: [Int32]

    /// - Parameter names: the names of their pid files.
    init(_ names: [String]) throws {
        let folder = URL(fileURLWithPath: TestCluster.configFile).deletingLastPathComponent().appendingPathComponent(
            "run"
        )
        processes = try names.map { name in
            let text = try String(contentsOf: folder.appendingPathComponent("\(name).pid"), encoding: .utf8)
            return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        }
    }

    /// Runs the body while the daemons are suspended.
    func frozen(_ body: () async throws -> Void) async throws {
        for process in processes { kill(process, SIGSTOP) }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        for process in processes { kill(process, SIGCONT) }
        try result.get()
    }
}
