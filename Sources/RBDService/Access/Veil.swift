// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import Synchronization

/// Hides names that are out of scope from a request. It replaces them by random names that do not exist. So the service
/// does the same work, and gives the same answer, as for something that does not exist. In the answer, the original
/// names are put back.
final class Veil: Sendable {
    enum Kind: String, Sendable {
        case image, group
    }

    private let names = Mutex<[(token: String, name: String)]>([])

    func token(for name: String) -> String {
        names.withLock { names in
            if let known = names.first(where: { $0.name == name }) { return known.token }
            let token = "no-such-" + String(UInt128.random(in: .min ... .max), radix: 36)
            names.append((token, name))
            return token
        }
    }

    /// Whether any name is replaced.
    var isDown: Bool { names.withLock { !$0.isEmpty } }

    /// Puts the original names back.
    func lifted(_ text: String) -> String {
        names.withLock { names in
            names.reduce(text) { text, pair in
                text.contains(pair.token) ? text.replacing(pair.token, with: pair.name) : text
            }
        }
    }

    func lifted(_ problem: Problem) -> Problem {
        guard isDown else { return problem }
        var problem = problem
        problem.detail = lifted(problem.detail)
        if let remedy = problem.remedy {
            problem.offer(remedy.mapNames(lifted))
        } else {
            problem.hint = problem.hint.map(lifted)
        }
        problem.field = problem.field.map(lifted)
        problem.differences = problem.differences?.map { difference in
            Problem.Difference(
                field: difference.field,
                requested: lifted(difference.requested),
                actual: lifted(difference.actual)
            )
        }
        problem.blockers = problem.blockers?.map { blocker in
            var blocker = blocker
            blocker.name = blocker.name.map(lifted)
            return blocker
        }
        return problem
    }
}
