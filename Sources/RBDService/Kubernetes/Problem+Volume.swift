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
        if let hint = Self.hint(for: kind, demand) ?? remedy.flatMap({ Self.hint(for: $0) }) {
            problem.advise(hint)
        } else if remedy == nil {
            problem.hint = hint?.replacing("try again", with: "apply the volume again")
        }
        return problem
    }

    /// The hint, if it differs for the author of a volume and for a caller of the API.
    private static func hint(for code: ProblemCode, _ demand: VolumeDemand) -> String? {
        let place = demand.place
        let image = place.image(demand.image).description
        return switch code {
        case .poolNotFound:
            demand.hintOnNamespaceInPool
                ?? "correct the name, or create the pool: rbdctl pool create \(place.pool)"
        case .namespaceNotFound: "create the namespace: rbdctl namespace create \(place.pool)/\(place.namespace)"
        case .deadlineExceeded: "apply the volume again: if \(image) was created meanwhile, the volume gets it"
        case .poolUnavailable: "apply the volume again later; ceph health detail shows what is wrong with the pool"
        case .invalidSize: "write a smaller capacity, or imageFeatures without object-map and fast-diff"
        default: nil
        }
    }

    /// The remedy for users of Kubernetes, who use neither the HTTP API nor, usually, rbdctl.
    private static func hint(for remedy: Remedy) -> String? {
        let subject = remedy.subject ?? ""
        return switch remedy.action {
        case .follow: "apply the volume again when operation \(subject) has ended"
        case .delete where remedy.kind == .image:
            "delete the image, then apply the volume again: rbdctl image delete \(subject)"
        case .set where remedy.field == "application": "prepare the pool: rbdctl pool set \(subject) --application rbd"
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
