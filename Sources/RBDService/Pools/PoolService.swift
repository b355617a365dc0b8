// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// The rules of pools.
struct PoolService: Sendable {
    let connection: ClusterConnection
    let creations: PoolCreations
    let operations: OperationService

    func list(_ request: PageRequest) async throws -> Page<RBDAPI.Pool> {
        let pools = try await connection.cluster().pools().filter { Access.current.may(.read, .pool($0.name)) }
        return Page(pools, request, by: \.name) { RBDAPI.Pool($0) }
    }

    func get(_ name: String) async throws -> RBDAPI.Pool {
        RBDAPI.Pool(try await connection.cluster().poolInfo(named: name))
    }

    /// Creates a pool, and starts to make it ready.
    func create(_ request: CreatePoolRequest, isDryRun: Bool) async throws -> Attempt<RBDAPI.Operation> {
        try ImageRules.checkName(request.name, field: "name", what: "pool")
        try Access.current.require(.admin, .pool(request.name))
        let options = try PoolRules.options(request)
        let cluster = try connection.cluster()
        if let code = options.erasureCode { try await requireRule(of: code, forPool: request.name, in: cluster) }
        if isDryRun { return Attempt(try await creationSteps(request.name, options, in: cluster)) }
        do {
            let pool = cluster.pool(try await cluster.createPool(named: request.name, options: options).name)
            return .done(try await creations.begin(pool))
        } catch let error as CephError where error.operation == .changePool || error.code == .invalidPoolOption {
            var problem = Problem(error)
            problem.field = PoolRules.field(blamedBy: error)
            if error.operation == .changePool {
                problem.detail += "; the pool was created, but it is not yet made ready for RBD"
                problem.offer(.enableApplication(ofPool: request.name))
            }
            throw problem
        }
    }

    /// Ceph keeps the CRUSH rule of an erasure-coded pool that is deleted, and uses it for the next pool of that name,
    /// whatever its profile says. Then all chunks of an object could be on one host.
    private func requireRule(of code: ErasureCode, forPool name: String, in cluster: Cluster) async throws {
        guard let former = try await cluster.crushRule(named: name),
            let requested = try await cluster.crushRule(for: code), former != requested,
            try await !cluster.pools().contains(where: { $0.name == name })
        else { return }
        throw PoolRules.invalid(
            PoolRules.field(of: code),
            "the cluster has a CRUSH rule \"\(name)\", perhaps of a former pool, which Ceph would use: its failure domain is "
                + "\"\(former.failureDomain)\" in \"\(former.root)\", and not \"\(requested.failureDomain)\" in "
                + "\"\(requested.root)\"",
            hint: "choose another name; or remove the rule if no pool uses it: ceph osd crush rule rm \(name)"
        )
    }

    /// This does not check what only the monitors know, such as how many placement groups they allow.
    private func creationSteps(_ name: String, _ options: PoolOptions, in cluster: Cluster) async throws -> [Plan.Step]
    {
        guard try await !cluster.pools().contains(where: { $0.name == name }) else {
            throw CephError(.poolExists, .createPool, on: .pool(name))
        }
        var steps = [Plan.Step(.createPool, name)]
        switch options.erasureCode {
        case nil: break
        case .profile(let profile):
            guard try await cluster.erasureCodeProfiles().contains(profile) else {
                throw PoolRules.invalid(
                    "erasureCodeProfile",
                    "the cluster has no erasure code profile \"\(profile)\"",
                    hint: "ceph osd erasure-code-profile ls lists the profiles"
                )
            }
            steps.append(Plan.Step(.allowOverwrites, name))
        case .chunks(let data, let coding, _):
            let detail = "\(data) data chunks and \(coding) coding chunks"
            steps.insert(Plan.Step(.createErasureCodeProfile, name, detail: detail), at: 0)
            steps.append(Plan.Step(.allowOverwrites, name))
        }
        return steps + [Plan.Step(.initializePool, name)]
    }

    func update(_ name: String, _ request: UpdatePoolRequest, isDryRun: Bool) async throws -> Attempt<RBDAPI.Pool> {
        if let newName = request.name, newName != name { try Access.current.require(.admin, .pool(newName)) }
        let cluster = try connection.cluster()
        let pools = try await cluster.pools()
        guard let pool = pools.first(where: { $0.name == name }) else {
            throw CephError(.poolNotFound, .changePool, on: .pool(name))
        }
        let update = try PoolUpdate(request, of: pool)
        // Checked before anything is changed, as far as possible.
        if let newName = request.name, newName != name, pools.contains(where: { $0.name == newName }) {
            throw CephError(.poolExists, .changePool, on: .pool(newName))
        }
        if isDryRun { return Attempt(update.steps.map(\.plan)) }
        let newName = try await update.run(on: name, of: cluster)
        return .done(RBDAPI.Pool(try await cluster.poolInfo(named: newName)))
    }

    /// Deletes a pool with all its images.
    /// - Parameter confirmation: must be the pool's name; a dry run needs none.
    func delete(_ name: String, confirmation: String?, isDryRun: Bool) async throws -> Attempt<Void> {
        let consequence = "deleting pool \"\(name)\" destroys every image in it for ever"
        try Confirmation.require(confirmation, of: name, .pool, isDryRun: isDryRun, consequence)
        if isDryRun { return Attempt(try await deletionSteps(of: name)) }
        try await connection.cluster().deletePool(named: name)
        return .done(())
    }
}

extension RBDAPI.Pool {
    init(_ info: PoolInfo) {
        self.init(
            name: info.name,
            id: info.id,
            type: info.isErasureCoded ? "erasure" : "replicated",
            size: info.size,
            minSize: info.minSize,
            pgNum: info.pgNum,
            autoscale: info.autoscale.rawValue,
            applications: info.applications,
            flags: info.flags,
            quota: PoolQuota(maxBytes: info.quotaBytes, maxObjects: info.quotaObjects),
            usage: info.usage.map { usage in
                PoolUsage(
                    storedBytes: usage.storedBytes,
                    usedBytes: usage.usedBytes,
                    availableBytes: usage.availableBytes,
                    objects: usage.objects
                )
            }
        )
    }
}
