// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

/// `/kubernetes/v1/persistentvolumes`: does the same as the admission webhook, for clients that call it directly.
struct VolumeController: Sendable {
    let service: VolumeService

    var endpoints: [Endpoint] {
        [Endpoint(.post, "/kubernetes/v1/persistentvolumes", .volume, ensure)]
    }

    @Sendable private func ensure(_ call: Call) async throws -> Answer {
        let volume = try await call.foreignBody(PersistentVolume.self)
        try volume.requireKind()
        AuditNotes.current?.set(["volume": volume.name])
        let authorize: (VolumeDemand) throws -> Void = { demand in
            AuditNotes.current?.set(object: demand.place.image(demand.image))
            try Access.current.requireCreation(of: demand.image, in: demand.place)
        }
        let outcome = try await service.ensure(volume, isDryRun: call.isDryRun, authorize: authorize)
        return .json(outcome, status: outcome.outcome == .created && !call.isDryRun ? .created : .ok)
    }
}

extension PersistentVolume {
    /// - Throws: `Problem` with `invalid-persistent-volume` if the object is of another kind.
    fileprivate func requireKind() throws {
        guard kind == "PersistentVolume" else {
            throw VolumeRules.invalid("kind", "it must be PersistentVolume")
        }
        guard apiVersion == "v1" else { throw VolumeRules.invalid("apiVersion", "it must be v1") }
    }
}
