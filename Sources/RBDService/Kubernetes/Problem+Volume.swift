// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

extension Problem {
    /// The problem in terms of the volume: its author does not know the fields and paths of the service's own API.
    func speaking(of demand: VolumeDemand) -> Problem {
        var problem = self
        if let own = field {
            let theirs = demand.fields.field(for: own)
            problem.field = theirs
            if detail.hasPrefix("\(own): ") { problem.detail = theirs + detail.dropFirst(own.count) }
        }
        problem.hint =
            ProblemCode(rawValue: code).flatMap { Self.hint(for: $0, demand) }
            ?? hint?.replacing("repeat the request", with: "apply the volume again")
        return problem
    }

    /// The hint, if it differs for the author of a volume and for a caller of the API.
    private static func hint(for code: ProblemCode, _ demand: VolumeDemand) -> String? {
        let place = demand.place
        let image = place.image(demand.image).description
        return switch code {
        case .poolNotFound: "correct it, or make the pool: rbdctl pool create \(place.pool)"
        case .namespaceNotFound: "make the namespace: rbdctl namespace create \(place.pool)/\(place.namespace)"
        case .deadlineExceeded: "apply the volume again: if \(image) was made meanwhile, it is found then"
        case .poolUnavailable: "apply the volume again later; ceph health detail says what is wrong with the pool"
        case .invalidSize: "write a smaller capacity, or imageFeatures without object-map and fast-diff"
        default: nil
        }
    }
}

extension VolumeDemand.Fields {
    /// - Parameter own: the field of a request of the service's API.
    fileprivate func field(for own: String) -> String {
        switch own {
        case "pool": pool
        case "namespace": cluster
        case "image", "name": image
        case "features": features
        case "size": Self.size
        default: own
        }
    }
}
