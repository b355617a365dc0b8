// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// A group as a request names it.
struct GroupPlace: Hashable {
    var place: ImagePlace
    var name: String

    /// As `rbd` writes it.
    var spec: String { place.spec(name).description }

    var resource: CephError.Resource { .group(name, namespace: place.namespace, pool: place.pool) }

    func spec(ofSnapshot snapshot: String) -> String { "\(spec)@\(snapshot)" }
}

extension ImageAccess {
    /// Changes a group that no operation is at work on.
    /// - Parameters:
    ///   - newName: one that it is to have.
    ///   - isDryRun: nothing is changed, and nothing claimed.
    /// - Throws: `Problem` with `operation-in-progress`, `change-in-progress`; what the body throws.
    func changingQuiet<Value: Sendable>(
        _ group: GroupPlace,
        and newName: String? = nil,
        _ operation: CephError.Operation,
        isDryRun: Bool,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await changing(group, and: newName, operation, isDryRun: isDryRun) {
            if let other = try await store.unfinished(onGroup: group) {
                throw OperationStore.inProgress(other, "group \"\(group.spec)\"", field: "group")
            }
            return try await body()
        }
    }
}
