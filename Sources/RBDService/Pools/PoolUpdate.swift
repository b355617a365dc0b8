// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// The steps that change a pool as requested. Ceph makes them one by one. Steps that can be undone come first, a new
/// name comes last.
struct PoolUpdate {
    struct Step {
        var field: String
        /// Nil if the pool is made ready for RBD.
        var change: PoolChange?
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
            throw PoolRules.invalid("minSize", "it must be at most the size, which is \(size ?? pool.size)")
        }
        if let application = request.application {
            guard application == "rbd" else { throw PoolRules.invalid("application", "it must be \"rbd\"") }
            if let other = pool.applications.first, !pool.applications.contains("rbd") {
                throw PoolRules.invalid(
                    "application",
                    "the pool already has the application \(other)",
                    hint: "if it is not used for \(other): ceph osd pool application disable \(pool.name) \(other)"
                )
            }
        }
        if let name = request.name, name != pool.name { try ImageRules.checkName(name, field: "name", what: "pool") }

        var steps: [Step] = []
        func addStep(_ action: Plan.Action, _ field: String, _ change: PoolChange?, detail: String? = nil) {
            steps.append(Step(field: field, change: change, plan: Plan.Step(action, pool.name, detail: detail)))
        }
        func add(_ action: Plan.Action, _ field: String, _ change: PoolChange, from old: String, to new: String) {
            if old != new { addStep(action, field, change, detail: "from \(old) to \(new)") }
        }
        func text(_ limit: UInt64) -> String { limit == 0 ? "no limit" : "\(limit)" }
        if let limit = request.quota?.maxBytes?.bytes {
            add(.setQuota, "quota.maxBytes", .quotaBytes(limit), from: text(pool.quotaBytes), to: text(limit))
        }
        if let limit = request.quota?.maxObjects {
            add(.setQuota, "quota.maxObjects", .quotaObjects(limit), from: text(pool.quotaObjects), to: text(limit))
        }
        if let mode = autoscale {
            add(.setAutoscale, "autoscale", .autoscale(mode), from: pool.autoscale.rawValue, to: mode.rawValue)
        }
        if let size { add(.setSize, "size", .size(size), from: "\(pool.size)", to: "\(size)") }
        if let minSize {
            // If the size changes, the monitors also set min_size, to a value of their choice.
            let old = size == nil || size == pool.size ? "\(pool.minSize)" : "the monitors' choice for the size"
            add(.setMinSize, "minSize", .minSize(minSize), from: old, to: "\(minSize)")
        }
        if let pgNum { add(.setPGNum, "pgNum", .pgNum(pgNum), from: "\(pool.pgNum)", to: "\(pgNum)") }
        if request.application != nil {
            if !pool.allowsOverwrites {
                addStep(.allowOverwrites, "application", .allowOverwrites, detail: "this can't be undone")
            }
            // Repeating this does no harm, and finishes an interrupted creation.
            addStep(.initializePool, "application", nil)
        }
        if let name = request.name { add(.renamePool, "name", .rename(name), from: pool.name, to: name) }
        self.steps = steps
    }

    /// Runs the steps.
    /// - Returns: the pool's new name.
    /// - Throws: `Problem` that says what was changed and what was not.
    func run(on pool: String, of cluster: Cluster) async throws -> String {
        var name = pool
        for (index, step) in steps.enumerated() {
            do {
                if let change = step.change {
                    try await cluster.changePool(named: name, change)
                    if case .rename(let newName) = change { name = newName }
                } else {
                    try await cluster.initializePool(named: name)
                }
            } catch let error as CephError {
                var problem = Problem(error)
                problem.field = step.field
                if error.code == .poolExists, case .rename(let newName)? = step.change {
                    problem.detail = "pool \"\(newName)\" exists already"
                }
                problem.detail += summary(failedAt: index)
                throw problem
            }
        }
        return name
    }

    private func summary(failedAt failed: Int) -> String {
        // A field may need two steps.
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
