// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

extension Access {
    /// Whether an operation is told of: to who may read what it is about, and to who may begin such a one. Of a copy both
    /// names must be in scope.
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
    /// An image, a group or a pool.
    fileprivate init(_ operation: RBDAPI.Operation) {
        let name = operation.group ?? operation.image
        self =
            name.isEmpty
            ? .pool(operation.pool)
            : .name(name, place: Place(pool: operation.pool, namespace: operation.namespace))
    }
}

extension RBDAPI.Operation {
    /// Nil where a newer release began it.
    fileprivate var verb: Verb? { OperationKind(rawValue: kind)?.verb }
}
