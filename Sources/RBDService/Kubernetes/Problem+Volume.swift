// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

extension Problem {
    /// The same in terms of the volume: whoever wrote it knows neither the fields nor the paths of our own requests.
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

    /// What mends it, where that is something else for whoever applies a volume than for whoever asks by HTTP.
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
    /// - Parameter own: the field of one of our own requests.
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
