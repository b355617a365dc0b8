// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Finds out whether an image could not be created because a pool is erasure-coded. That takes two requests to the
/// monitors. So only dry runs do it, and creates after librbd has failed with a bare EINVAL.
struct ErasureCodedPools {
    private let cluster: Cluster
    private let pool: String
    private let dataPool: String?

    init(_ pool: Ceph.Pool, dataPool: String?) {
        cluster = pool.cluster
        self.pool = pool.name
        self.dataPool = dataPool
    }

    /// - Returns: nil if that is not the reason, or if the monitors do not answer.
    func problem(_ error: CephError, _ image: CephError.Resource) async -> Problem? {
        if let info = try? await cluster.poolInfo(named: pool), info.isErasureCoded {
            return Problem(CephError(.poolErasureCoded, .createImage, on: image, errno: error.errno))
        }
        guard let dataPool, let info = try? await cluster.poolInfo(named: dataPool), !info.allowsOverwrites else {
            return nil
        }
        return Problem(
            .invalidImageOption,
            "dataPool",
            "the erasure-coded pool \"\(dataPool)\" does not allow overwrites",
            errno: error.errno,
            remedy: .enableApplication(ofPool: dataPool)
        )
    }
}
