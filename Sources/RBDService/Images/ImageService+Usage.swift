// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

extension ImageService {
    /// How many images are opened at once for one list: half of the threads that one pool may have by default.
    private static let usageWindow = 6

    func usage(of name: String, in place: ImagePlace) async throws -> RBDAPI.ImageUsage {
        RBDAPI.ImageUsage(try await images.pool(place).usage(ofImage: name))
    }

    /// Finds out how much of each image is there. One that is going away is left without.
    func addUsage(to items: inout [RBDAPI.Image], in place: ImagePlace) async throws {
        let names = items.filter { $0.state == "ready" }.map(\.name)
        let found = try await withThrowingTaskGroup(of: (String, RBDAPI.ImageUsage?).self) { group in
            var found: [String: RBDAPI.ImageUsage] = [:]
            for (index, name) in names.enumerated() {
                if index >= Self.usageWindow, let (name, usage) = try await group.next() { found[name] = usage }
                group.addTask {
                    do {
                        return (name, try await usage(of: name, in: place))
                    } catch let error as CephError where error.code == .imageNotFound {
                        return (name, nil)
                    }
                }
            }
            for try await (name, usage) in group { found[name] = usage }
            return found
        }
        for index in items.indices { items[index].usage = found[items[index].name] }
    }
}

extension RBDAPI.ImageUsage {
    init(_ usage: Ceph.ImageUsage) {
        self.init(
            provisionedBytes: usage.provisionedBytes,
            usedBytes: usage.usedBytes,
            approximate: usage.isApproximate
        )
    }
}
