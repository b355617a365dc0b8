// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

extension CreateImageRequest {
    /// The request with names that are out of scope replaced.
    func visible(in place: Place) throws(Problem) -> CreateImageRequest {
        CreateImageRequest(name: name, properties: try properties.visible(in: place))
    }
}

extension ImageProperties {
    /// Replaces a source and a data pool that are out of scope by names that do not exist.
    /// - Parameter place: the pool and namespace of the new image.
    /// - Throws: `Problem` with `forbidden` for a source that is visible, but may not be read.
    func visible(in place: Place) throws(Problem) -> ImageProperties {
        let access = Access.current
        guard !access.isUnlimited else { return self }
        var properties = self
        if let source, !source.image.isEmpty {
            let from = Place(pool: source.pool ?? place.pool, namespace: source.namespace ?? "")
            let (name, visible) = try access.readable(source.image, in: from)
            properties.source?.image = name
            properties.source?.pool = visible.pool
            properties.source?.namespace = visible.namespace
        }
        // The data pool holds the image's data: a caller that may create nothing in a pool must not fill it.
        if let dataPool, dataPool != place.pool, !access.may(.create, someOf: .pool(dataPool)) {
            guard !access.sees(.pool(dataPool)) else { throw access.forbidden(.create, .pool(dataPool)) }
            properties.dataPool = access.veil.token(for: dataPool)
        }
        return properties
    }
}
