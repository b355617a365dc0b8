// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    /// Makes an image a volume of Kubernetes. It may be repeated.
    func adopt(
        _ image: ImageSpec,
        _ request: AdoptImageRequest,
        _ dryRun: DryRunOptions
    ) async throws -> Change<KubernetesVolume> {
        try await change(.put, image.volumePath, query: image.query, body: request, dryRun)
    }

    /// - Parameter terms: what Ceph does not know of the volume.
    func volume(of image: ImageSpec, _ terms: Transport.Query) async throws -> KubernetesVolume {
        try await transport.get(image.volumePath, query: image.query + terms)
    }

    /// Takes an adoption back.
    func release(_ image: ImageSpec, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(image.volumePath, query: image.query, dryRun)
    }
}

extension ImageSpec {
    fileprivate var volumePath: [String] { path + ["volume"] }
}
