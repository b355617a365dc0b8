// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// The outcome of a request that changes something: what it has made, or the plan of its dry run.
///
/// Each change is one method of a service, with a parameter `isDryRun`. The method makes the checks that both need.
/// Then it returns the plan, or makes the change. A dry run claims nothing and changes nothing.
enum Attempt<Value: Sendable>: Sendable {
    case done(Value)
    case planned(Plan)

    /// A plan that is allowed, and has one step.
    init(_ step: Plan.Step) {
        self.init([step])
    }

    /// A plan that is allowed.
    init(_ steps: [Plan.Step]) {
        self = .planned(Plan(steps: steps))
    }

    /// The outcome if there is nothing to change. The plan then has no steps.
    static func unchanged(_ value: Value, isDryRun: Bool) -> Attempt {
        isDryRun ? Attempt([]) : .done(value)
    }
}
