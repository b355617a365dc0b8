// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

extension Access {
    /// Whether the caller may see an operation. That needs the verb `read` on its object, or the verb that starting the
    /// operation needs. For a copy, both names must be in scope.
    func mayFollow(_ operation: RBDAPI.Operation) -> Bool {
        if isUnlimited { return true }
        let target = AccessTarget(operation)
        guard let copy = operation.target else {
            return may(.read, target) || operation.verb.map { may($0, target) } ?? false
        }
        guard let copy = ImageSpec(parsing: copy) else { return false }
        return may(.read, target) && (may(.read, copy) || may(.create, copy))
    }

    /// - Throws: `Problem` with `forbidden`.
    func requireCancellation(of operation: RBDAPI.Operation) throws(Problem) {
        let target = operation.target.flatMap(ImageSpec.init(parsing:)).map { AccessTarget($0) }
        try require(operation.verb ?? .admin, target ?? AccessTarget(operation))
    }
}

extension AccessTarget {
    /// The operation's object: a group, an image or a pool.
    fileprivate init(_ operation: RBDAPI.Operation) {
        let name = operation.group ?? operation.image
        self =
            name.isEmpty
            ? .pool(operation.pool)
            : .name(name, place: Place(pool: operation.pool, namespace: operation.namespace))
    }
}

extension RBDAPI.Operation {
    /// Nil if a newer release started the operation.
    fileprivate var verb: Verb? { OperationKind(rawValue: kind)?.verb }
}
