// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension ImageAccess {
    func info(_ group: GroupSpec) async throws -> GroupInfo {
        try await pool(group.place).group(named: group.name)
    }

    /// Changes a group that has no unfinished operation.
    /// - Parameters:
    ///   - newName: the new name of the group.
    ///   - isDryRun: whether the body only plans. Then nothing is claimed.
    /// - Throws: `Problem` with `operation-in-progress`, `change-in-progress`; any error of the body.
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
