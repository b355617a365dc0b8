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
        let images = Table(
            header: ["IMAGE", "STATE"],
            rows: items.flatMap { $0.images ?? [] }.map { $0.cells(detailed: detailed) }
        )
        let snapshots = Table(
            header: ["SNAPSHOT", "STATE", "IMAGES"],
            rows: items.flatMap { $0.snapshots ?? [] }.map { $0.cells(detailed: detailed) }
        )
        return [groups] + [images, snapshots].filter { !$0.rows.isEmpty }
    }
}

extension GroupImage: PresentableRow {
    var bareName: String { spec }

    static func header(detailed: Bool) -> [String] { ["SPEC", "STATE"] }

    func cells(detailed: Bool) -> [String] { [spec, state] }
}

extension GroupSnapshot: PresentableRow {
    var bareName: String { spec }

    static func header(detailed: Bool) -> [String] { ["SPEC", "STATE", "IMAGES"] }

    func cells(detailed: Bool) -> [String] { [spec, state, "\(images.count)"] }
}
