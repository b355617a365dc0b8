// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension ImageAccess {
    /// Changes a group that no operation is at work on.
    /// - Parameters:
    ///   - newName: one that it is to have.
    ///   - isDryRun: nothing is changed, and nothing claimed.
    /// - Throws: `Problem` with `operation-in-progress`, `change-in-progress`; what the body throws.
    func changingQuiet<Value: Sendable>(
        _ group: GroupSpec,
        and newName: String? = nil,
        _ operation: CephError.Operation,
        isDryRun: Bool,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await changing(group, and: newName, operation, isDryRun: isDryRun) {
            if let other = try await store.unfinished(onGroup: group) {
                throw OperationStore.inProgress(other, "group \"\(group)\"", field: "group")
            }
            return try await body()
        }
    }
}
