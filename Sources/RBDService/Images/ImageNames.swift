// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming

extension ImageAccess {
    /// - Returns: nil if no image has the name.
    func existing(_ name: String, in place: Place) async throws -> ImageInfo? {
        do {
            return try await pool(place).image(named: name)
        } catch let error as CephError where error.code == .imageNotFound {
            return nil
        }
    }

    /// Requires that no image has the name: dry runs find out before the change would.
    /// - Throws: `CephError` with `.imageExists`.
    func requireFree(_ name: String, in place: Place, for operation: CephError.Operation) async throws {
        guard try await existing(name, in: place) != nil else { return }
        throw CephError(.imageExists, operation, on: .image(place.image(name)))
    }
}
