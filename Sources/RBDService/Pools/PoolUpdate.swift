// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// The changes that take a pool from what it is to what it is to be. Ceph makes them one by one: what can be undone comes
/// first, a new name last.
struct PoolUpdate {
    enum Action {
        case change(PoolChange)
        case initialize
    }

    struct Step {
        var field: String
        var action: Action
        var plan: Plan.Step
    }

    let steps: [Step]

    /// - Throws: `Problem` with `invalid-pool-option`, `invalid-name`.
    init(_ request: UpdatePoolRequest, of pool: PoolInfo) throws(Problem) {
        let size = try PoolRules.size(request.size, field: "size")
        let minSize = try PoolRules.size(request.minSize, field: "minSize")
        let pgNum = try PoolRules.pgNum(request.pgNum)
        let autoscale = try PoolRules.autoscale(request.autoscale)
        if size != nil, pool.isErasureCoded, size != pool.size {
            throw PoolRules.invalid("size", "the number of chunks of an erasure-coded pool can't be changed")
        }
        if let minSize, minSize > size ?? pool.size {
            throw PoolRules.invalid("minSize", "it must not be over the size, which is \(size ?? pool.size)")
        }
        if let application = request.application {
            guard application == "rbd" else { throw PoolRules.invalid("application", "it must be \"rbd\"") }
            if let other = pool.applications.first, !pool.applications.contains("rbd") {
                throw PoolRules.invalid(
                    "application",
                    "the pool is for \(other) already",
                    hint: "if it is not used for \(other): ceph osd pool application disable \(pool.name) \(other)"
                )
            }
        }
        if let name = request.name, name != pool.name { try ImageRules.checkName(name, field: "name", what: "pool") }

        var steps: [Step] = []
        func add(_ action: String, _ field: String, _ change: PoolChange, from old: String, to new: String) {
            guard old != new else { return }
            steps.append(
                Step(
                    field: field,
                    action: .change(change),
                    plan: Plan.Step(action, pool.name, detail: "from \(old) to \(new)")
                )
            )
        }
        if let limit = request.quota?.maxBytes?.bytes {
            add(
                "set-quota",
                "quota.maxBytes",
                .quotaBytes(limit),
                from: Self.limit(pool.quotaBytes),
                to: Self.limit(limit)
            )
        }
        if let limit = request.quota?.maxObjects {
            add(
                "set-quota",
                "quota.maxObjects",
                .quotaObjects(limit),
                from: Self.limit(pool.quotaObjects),
                to: Self.limit(limit)
            )
        }
        if let autoscale {
            add(
                "set-autoscale",
                "autoscale",
                .autoscale(autoscale),
                from: pool.autoscale.rawValue,
                to: autoscale.rawValue
            )
        }
        if let size { add("set-size", "size", .size(size), from: "\(pool.size)", to: "\(size)") }
        if let minSize {
            // With the size the monitors set it too, to what they think best.
            let old = size == nil || size == pool.size ? "\(pool.minSize)" : "what goes with the size"
            add("set-min-size", "minSize", .minSize(minSize), from: old, to: "\(minSize)")
        }
        if let pgNum { add("set-pg-num", "pgNum", .pgNum(pgNum), from: "\(pool.pgNum)", to: "\(pgNum)") }
        if request.application != nil {
            if !pool.allowsOverwrites {
                steps.append(
                    Step(
                        field: "application",
                        action: .change(.allowOverwrites),
                        plan: Plan.Step("allow-overwrites", pool.name, detail: "which can't be undone")
                    )
                )
            }
            // Once more does no harm, and finishes what an interrupted creation has left.
            steps.append(
                Step(field: "application", action: .initialize, plan: Plan.Step("initialize-pool", pool.name))
            )
        }
        if let name = request.name { add("rename-pool", "name", .rename(name), from: pool.name, to: name) }
        self.steps = steps
    }

    private static func limit(_ limit: UInt64) -> String { limit == 0 ? "no limit" : "\(limit)" }

    /// Carries the changes out.
    /// - Returns: the pool's name afterwards.
    /// - Throws: `Problem`, which says what was and what was not done.
    func run(on pool: String, of cluster: Cluster) async throws -> String {
        var name = pool
        for (index, step) in steps.enumerated() {
            do {
                switch step.action {
                case .change(let change):
                    try await cluster.changePool(named: name, change)
                    if case .rename(let newName) = change { name = newName }
                case .initialize: try await cluster.initializePool(named: name)
                }
            } catch let error as CephError {
                var problem = Problem(error)
                problem.field = step.field
                if error.code == .poolExists { problem.detail = "pool \"\(step.newName ?? "")\" exists already" }
                problem.detail += told(index)
                throw problem
            }
        }
        return name
    }

    private func told(_ failed: Int) -> String {
        // A field may take two steps.
        func list(_ steps: ArraySlice<Step>) -> String {
            var fields: [String] = []
            for step in steps where fields.last != step.field { fields.append(step.field) }
            return fields.joined(separator: ", ")
        }
        let done = list(steps[..<failed])
        let left = list(steps[failed...])
        return done.isEmpty ? "; nothing was changed" : "; changed already: \(done); not changed: \(left)"
    }
}

extension PoolUpdate.Step {
    fileprivate var newName: String? {
        guard case .change(.rename(let name)) = action else { return nil }
        return name
    }
}
