// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension ClusterStatus: Presentable {
    var bareName: String { fsid }

    static func table(of items: [ClusterStatus], detailed: Bool) -> [Table] {
        let summary = Table(
            header: ["FSID", "VERSION", "HEALTH", "TOTAL", "USED", "AVAILABLE"],
            rows: items.map {
                [
                    $0.fsid, $0.cephVersion ?? "", $0.health.status,
                    rounded($0.capacity.totalBytes), rounded($0.capacity.usedBytes),
                    rounded($0.capacity.availableBytes),
                ]
            }
        )
        let checks = Table(
            header: ["CHECK", "SEVERITY", "SUMMARY"],
            rows: items.flatMap(\.health.checks).map { [$0.code, $0.severity, $0.summary] }
        )
        return [summary] + [checks].filter { !$0.rows.isEmpty }
    }
}

extension RBDAPI.Operation: PresentableRow {
    var bareName: String { id }

    static func header(detailed: Bool) -> [String] {
        ["ID", "KIND", "SUBJECT", "STATE", "DONE", "CREATED", "PROBLEM"]
            + (detailed ? ["TARGET", "ATTEMPTS", "STARTED", "FINISHED", "NOTE"] : [])
    }

    func cells(detailed: Bool) -> [String] {
        let shownState = cancelRequested && !state.isFinished ? "cancelling" : state.rawValue
        let cells = [id, kind, subject, shownState, "\(Int(percent))%", createdAt, problem?.code ?? ""]
        guard detailed else { return cells }
        let end = problem?.detail ?? note ?? ""
        return cells + [target ?? "", String(attempts), startedAt ?? "", finishedAt ?? "", end]
    }
}

extension TrashedImage: PresentableRow {
    /// The argument of `trash restore` and `trash purge`.
    var bareName: String { entrySpec.description }

    static func header(detailed: Bool) -> [String] {
        ["ENTRY", "NAME", "SIZE", "STATE", "SOURCE", "DELETED", "KEPT-UNTIL"]
    }

    func cells(detailed: Bool) -> [String] {
        [bareName, name, rounded(sizeBytes), state, source, deletedAt, keptUntil]
    }
}

extension Plan: Presentable {
    var bareName: String { allowed ? "allowed" : "refused" }

    static func table(of items: [Plan], detailed: Bool) -> [Table] {
        let steps = Table(
            header: ["STEP", "SUBJECT", "DETAIL"],
            rows: items.flatMap { plan in
                plan.steps.map {
                    [$0.action.rawValue, $0.subject, $0.detail ?? (plan.allowed ? nil : $0.command) ?? ""]
                }
            }
        )
        let blockers = Table(
            header: ["BLOCKER", "NAME", "CLIENT", "ADDRESS", "SINCE"],
            rows: items.flatMap(\.blockers).map {
                [$0.kind.rawValue, $0.name ?? "", $0.client ?? "", $0.address ?? "", $0.since ?? ""]
            }
        )
        return [steps] + [blockers].filter { !$0.rows.isEmpty }
    }
}

extension Plan.Step {
    /// The command that executes the step, if the subject is all that it needs.
    fileprivate var command: String? {
        switch action {
        case .deleteGroupSnapshot: "rbdctl group snapshot delete \(subject)"
        case .deleteSnapshot: "rbdctl snapshot delete \(subject)"
        case .flattenClone: "rbdctl image flatten \(subject)"
        case .unprotectSnapshot: "rbdctl snapshot unprotect \(subject)"
        default: nil
        }
    }
}

extension Snapshot: Presentable {
    var bareName: String { spec }

    static func table(of items: [Snapshot], detailed: Bool) -> [Table] {
        let more = detailed ? ["ID", "ORIGIN"] : []
        // The column exists only if the usage was requested.
        let used = items.contains { $0.usage != nil } ? ["USED"] : []
        return [
            Table(
                header: ["SPEC", "SIZE"] + used + ["KIND", "PROTECTED", "CREATED"] + more,
                rows: items.map { item in
                    [item.spec, rounded(item.sizeBytes)] + (used.isEmpty ? [] : [item.used])
                        + [item.kind, yesOrNo(item.protected), item.createdAt ?? ""]
                        + (detailed ? [String(item.id), item.origin ?? ""] : [])
                }
            )
        ]
    }

    private var used: String {
        usage.map { rounded($0.usedBytes, approximate: $0.approximate) } ?? ""
    }
}

extension SnapshotLimit: PresentableRow {
    var bareName: String { limit.map(String.init) ?? "none" }

    static func header(detailed: Bool) -> [String] { ["LIMIT", "SNAPSHOTS"] }

    func cells(detailed: Bool) -> [String] { [bareName, String(snapshotCount)] }
}

extension ImageChild: PresentableRow {
    var bareName: String { spec }

    static func header(detailed: Bool) -> [String] { ["SPEC", "ID", "SNAPSHOT", "IN-TRASH"] }

    func cells(detailed: Bool) -> [String] { [spec, imageID, snapshot, yesOrNo(inTrash)] }
}

extension ParentImage: PresentableRow {
    var bareName: String { spec }

    static func header(detailed: Bool) -> [String] { ["SPEC", "IMAGE-ID", "OVERLAP"] }

    func cells(detailed: Bool) -> [String] { [spec, imageID, rounded(overlapBytes)] }
}

extension ImageLock: PresentableRow {
    var bareName: String { client }

    static func header(detailed: Bool) -> [String] { ["CLIENT", "COOKIE", "ADDRESS", "EXCLUSIVE", "MANAGED", "OWN"] }

    func cells(detailed: Bool) -> [String] {
        [client, cookie, address, yesOrNo(exclusive), yesOrNo(managed), yesOrNo(own)]
    }
}

extension ImageWatcher: PresentableRow {
    var bareName: String { client }

    static func header(detailed: Bool) -> [String] { ["CLIENT", "ADDRESS", "COOKIE", "OWN"] }

    func cells(detailed: Bool) -> [String] { [client, address, String(cookie), yesOrNo(own)] }
}

extension Namespace: PresentableRow {
    var bareName: String { "\(pool)/\(name)" }

    static func header(detailed: Bool) -> [String] {
        ["POOL", "NAMESPACE"] + (detailed ? ["IMAGES", "TRASH", "GROUPS", "MIRRORING"] : [])
    }

    func cells(detailed: Bool) -> [String] {
        guard detailed else { return [pool, name] }
        let counts = contents.map { [String($0.images), String($0.trash), String($0.groups)] }
        return [pool, name] + (counts ?? ["", "", ""]) + [mirroring?.mode ?? ""]
    }
}

extension Pool: PresentableRow {
    var bareName: String { name }

    static func header(detailed: Bool) -> [String] {
        ["NAME", "ID", "TYPE", "SIZE", "PGS", "AUTOSCALE", "APPLICATIONS", "STORED", "AVAILABLE"]
            + (detailed ? ["MIN-SIZE", "QUOTA", "OBJECTS", "FLAGS"] : [])
    }

    func cells(detailed: Bool) -> [String] {
        let cells = [
            name, String(id), type, String(size), String(pgNum), autoscale, applications.joined(separator: ","),
            rounded(usage?.storedBytes), rounded(usage?.availableBytes),
        ]
        guard detailed else { return cells }
        let limit = quota.maxBytes == 0 ? "" : rounded(quota.maxBytes)
        let objects = usage.map { String($0.objects) } ?? ""
        return cells + [String(minSize), limit, objects, flags.joined(separator: ",")]
    }
}

extension Image: Presentable {
    var bareName: String { spec }

    static func table(of items: [Image], detailed: Bool) -> [Table] {
        // Requested members have a column, others have none.
        let asked: [(header: String, cell: (Image) -> String?)] = [
            ("USED", { $0.usedText }), ("WATCHERS", { $0.watchers.map { String($0.count) } }),
            ("CHILDREN", { $0.children.map { String($0.count) } }),
            ("MIRRORING", { $0.mirroring.map { "\($0.mode), \($0.primary ? "primary" : "not primary")" } }),
            ("MIGRATION", { $0.migration.map { $0.source.isEmpty ? $0.state : "\($0.state), from \($0.source)" } }),
            ("ENCRYPTION", \.encryption),
        ].filter { column in items.contains { column.cell($0) != nil } }
        let more = detailed ? ["ID", "OBJECT-SIZE", "DATA-POOL", "GROUP", "FLAGS", "FEATURES"] : []
        return [
            Table(
                header: ["SPEC", "SIZE", "STATE", "SNAPSHOTS", "CREATED", "PARENT"] + asked.map(\.header) + more,
                rows: items.map { image in
                    image.cells + asked.map { $0.cell(image) ?? "" } + (detailed ? image.detailedCells : [])
                }
            )
        ]
    }

    var usedText: String? { usage.map { rounded($0.usedBytes, approximate: $0.approximate) } }

    private var cells: [String] {
        [
            spec, rounded(sizeBytes), state, snapshotCount.map { String($0) } ?? "", createdAt ?? "",
            parent?.spec ?? "",
        ]
    }

    private var detailedCells: [String] {
        [
            id, rounded(objectSizeBytes), dataPool ?? "", group?.spec ?? "", flags.joined(separator: ","),
            features.joined(separator: ","),
        ]
    }
}

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

private func yesOrNo(_ flag: Bool) -> String { flag ? "yes" : "no" }

/// A number of bytes for people; empty if it is not known.
/// - Parameter approximate: whether whole objects were counted. The number is then an upper bound, and a `~` says so.
private func rounded(_ bytes: UInt64?, approximate: Bool = false) -> String {
    bytes.map { (approximate ? "~" : "") + ByteCount($0).rounded } ?? ""
}
