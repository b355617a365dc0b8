// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

extension Group: Presentable {
    var bareName: String { spec }

    static func table(of items: [Group], detailed: Bool) -> [Table] {
        let groups = Table(
            header: ["SPEC"] + (detailed ? ["IMAGES", "SNAPSHOTS"] : []),
            rows: items.map { group in
                let counts = [group.images.map { "\($0.count)" }, group.snapshots.map { "\($0.count)" }]
                return [group.spec] + (detailed ? counts.map { $0 ?? "" } : [])
            }
        )
        let (images, snapshots) = (items.flatMap { $0.images ?? [] }, items.flatMap { $0.snapshots ?? [] })
        return [groups]
            + (images.isEmpty ? [] : GroupImage.table(of: images, detailed: detailed, title: "IMAGE"))
            + (snapshots.isEmpty ? [] : GroupSnapshot.table(of: snapshots, detailed: detailed, title: "SNAPSHOT"))
    }
}

extension GroupImage: Presentable {
    var bareName: String { spec }

    static func table(of items: [GroupImage], detailed: Bool) -> [Table] {
        table(of: items, detailed: detailed, title: "SPEC")
    }

    fileprivate static func table(of items: [GroupImage], detailed: Bool, title: String) -> [Table] {
        [Table(header: [title, "STATE"], rows: items.map { [$0.spec, $0.state] })]
    }
}

extension GroupSnapshot: Presentable {
    var bareName: String { spec }

    static func table(of items: [GroupSnapshot], detailed: Bool) -> [Table] {
        table(of: items, detailed: detailed, title: "SPEC")
    }

    fileprivate static func table(of items: [GroupSnapshot], detailed: Bool, title: String) -> [Table] {
        [Table(header: [title, "STATE", "IMAGES"], rows: items.map { [$0.spec, $0.state, "\($0.images.count)"] })]
    }
}
