// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// What a mutation came to: what it has made, or the plan that was asked for instead.
enum Attempt<Value: Sendable>: Sendable {
    case done(Value)
    case planned(Plan)

    init(_ step: Plan.Step) {
        self = .planned(Plan(steps: [step]))
    }
}
