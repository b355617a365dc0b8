// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// The result of a mutation: what it has made, or the plan of a dry run.
enum Attempt<Value: Sendable>: Sendable {
    case done(Value)
    case planned(Plan)

    init(_ step: Plan.Step) {
        self = .planned(Plan(steps: [step]))
    }
}
