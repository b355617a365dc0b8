// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    func locks(on image: ImageSpec) async throws -> [ImageLock] {
        let list: ImageLocks = try await transport.get(image.path + ["locks"], query: image.query)
        return list.items
    }

    /// The call itself confirms the request: its caller has already asked the user.
    func breakLock(
        on image: ImageSpec,
        heldBy client: String,
        cookie: String?,
        _ dryRun: DryRunOptions
    ) async throws -> Plan? {
        let query = image.query + [("cookie", cookie), ("confirm", dryRun.dryRun ? nil : client)]
        return try await delete(image.path + ["locks", client], query: query, dryRun)
    }

    func watchers(of image: ImageSpec) async throws -> [ImageWatcher] {
        let list: ImageWatchers = try await transport.get(image.path + ["watchers"], query: image.query)
        return list.items
    }

    /// The call itself confirms the request: its caller has already asked the user.
    func evict(_ client: String, from image: ImageSpec, _ dryRun: DryRunOptions) async throws -> Plan? {
        let query = image.query + [("confirm", dryRun.dryRun ? nil : client)]
        return try await delete(image.path + ["watchers", client], query: query, dryRun)
    }
}
