// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension PoolService {
    /// How long the plan searches other pools, and how many images it lists at most.
    private static let searchTime = Duration.seconds(5)
    private static let searchLimit = 100

    /// What deleting a pool would destroy: its contents, and what depends on it in other pools.
    /// - Throws: `CephError` with `.poolNotFound`; with `.poolDeletionDisabled` if the pool's own flag forbids it.
    ///   Whether the monitors allow the deletion of pools is unknown: their configuration files override the
    ///   configuration that can be read.
    func deletionSteps(of name: String) async throws -> [Plan.Step] {
        let cluster = try connection.cluster()
        let info = try await cluster.poolInfo(named: name)
        guard !info.flags.contains("nodelete") else {
            let detail = "you must unset nodelete flag for the pool first"
            throw CephError(.poolDeletionDisabled, .deletePool, on: .pool(name), detail: detail)
        }
        var steps: [Plan.Step] = []
        if !info.isErasureCoded {
            let contents = try await cluster.pool(name).contents()
            let parts = [
                Self.count(contents.images, "image"),
                Self.count(contents.trash, "image in the trash", "images in the trash"),
                Self.count(contents.groups, "group"), Self.count(contents.namespaces.count, "namespace"),
            ].compactMap(\.self)
            if !parts.isEmpty {
                steps.append(Plan.Step(.destroyContents, name, detail: parts.joined(separator: ", ")))
            }
        }
        let (dependents, isComplete) = try await cluster.images(
            dependingOnPool: name,
            within: Self.searchTime,
            limit: Self.searchLimit
        )
        steps += dependents.map { image in
            let spec = ImageSpec(pool: image.pool, namespace: image.namespace, image: image.image).description
            return switch image.dependence {
            case .data: Plan.Step(.destroyImageData, spec, detail: "its data is in this pool")
            case .parent(let parent): Plan.Step(.breakClone, spec, detail: "it is a clone of \(parent)")
            case .migration(let source):
                Plan.Step(
                    .breakMigration,
                    spec,
                    detail: "it is being migrated from \(source), and has not all of its data yet"
                )
            }
        }
        let remark = isComplete ? nil : "not all images of other pools could be checked"
        return steps + [Plan.Step(.deletePool, name, detail: remark)]
    }

    private static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String? {
        count == 0 ? nil : "\(count) \(count == 1 ? one : many ?? "\(one)s")"
    }
}
