// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

extension CreateImageRequest {
    /// Without what is out of scope.
    func visible(in place: Place) throws(Problem) -> CreateImageRequest {
        CreateImageRequest(name: name, properties: try properties.visible(in: place))
    }
}

extension ImageProperties {
    /// With names that nothing has in place of a source and a data pool that are out of scope.
    /// - Parameter place: where the image is to be.
    /// - Throws: `Problem` with `forbidden` for a source that can be seen, but not read.
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
        // Data takes room there: whoever may make nothing in a pool may not fill it.
        if let dataPool, dataPool != place.pool, !access.may(.create, someOf: .pool(dataPool)) {
            guard !access.sees(.pool(dataPool)) else { throw access.forbidden(.create, .pool(dataPool)) }
            properties.dataPool = access.veil.token(for: dataPool)
        }
        return properties
    }
}
