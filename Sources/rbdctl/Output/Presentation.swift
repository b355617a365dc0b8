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
                    ByteCount($0.capacity.totalBytes).rounded,
                    ByteCount($0.capacity.usedBytes).rounded,
                    ByteCount($0.capacity.availableBytes).rounded,
                ]
            }
        )
        let checks = items.flatMap(\.health.checks)
        if checks.isEmpty { return [summary] }
        return [
            summary,
            Table(header: ["CHECK", "SEVERITY", "SUMMARY"], rows: checks.map { [$0.code, $0.severity, $0.summary] }),
        ]
    }
}

extension RBDAPI.Operation: Presentable {
    var bareName: String { id }

    static func table(of items: [RBDAPI.Operation], detailed: Bool) -> [Table] {
        let more = detailed ? ["TARGET", "ATTEMPTS", "STARTED", "FINISHED", "NOTE"] : []
        return [
            Table(
                header: ["ID", "KIND", "SUBJECT", "STATE", "DONE", "CREATED", "PROBLEM"] + more,
                rows: items.map { $0.cells + (detailed ? $0.detailedCells : []) }
            )
        ]
    }

    private var cells: [String] {
        [
            id, kind, subject, cancelRequested && !state.isFinished ? "cancelling" : state.rawValue,
            "\(Int(percent))%", createdAt, problem?.code ?? "",
        ]
    }

    private var detailedCells: [String] {
        [target ?? "", String(attempts), startedAt ?? "", finishedAt ?? "", problem?.detail ?? note ?? ""]
    }
}

extension TrashedImage: Presentable {
    /// The argument of `trash restore` and `trash purge`.
    var bareName: String { ImageSpec(pool: pool, namespace: namespace, image: id).description }

    static func table(of items: [TrashedImage], detailed: Bool) -> [Table] {
        [
            Table(
                header: ["ENTRY", "NAME", "SIZE", "STATE", "SOURCE", "DELETED", "KEPT-UNTIL"],
                rows: items.map {
                    [
                        $0.bareName, $0.name, $0.sizeBytes.map { ByteCount($0).rounded } ?? "", $0.state, $0.source,
                        $0.deletedAt, $0.keptUntil,
                    ]
                }
            )
        ]
    }
}

extension Plan: Presentable {
    var bareName: String { allowed ? "allowed" : "refused" }

    static func table(of items: [Plan], detailed: Bool) -> [Table] {
        let steps = Table(
            header: ["STEP", "SUBJECT", "DETAIL"],
            rows: items.flatMap(\.steps).map { [$0.action.rawValue, $0.subject, $0.detail ?? ""] }
        )
        let blockers = items.flatMap(\.blockers)
        if blockers.isEmpty { return [steps] }
        return [
            steps,
            Table(
                header: ["BLOCKER", "NAME", "CLIENT", "ADDRESS", "SINCE"],
                rows: blockers.map {
                    [$0.kind.rawValue, $0.name ?? "", $0.client ?? "", $0.address ?? "", $0.since ?? ""]
                }
            ),
        ]
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
                    [item.spec, ByteCount(item.sizeBytes).rounded] + (used.isEmpty ? [] : [item.used])
                        + [item.kind, item.protected ? "yes" : "no", item.createdAt ?? ""]
                        + (detailed ? [String(item.id), item.origin ?? ""] : [])
                }
            )
        ]
    }

    private var used: String {
        guard let usage, let used = usage.usedBytes else { return "" }
        return (usage.approximate ? "~" : "") + ByteCount(used).rounded
    }
}

extension SnapshotLimit: Presentable {
    var bareName: String { limit.map(String.init) ?? "none" }

    static func table(of items: [SnapshotLimit], detailed: Bool) -> [Table] {
        [Table(header: ["LIMIT", "SNAPSHOTS"], rows: items.map { [$0.bareName, String($0.snapshotCount)] })]
    }
}

extension ImageChild: Presentable {
    var bareName: String { spec }

    static func table(of items: [ImageChild], detailed: Bool) -> [Table] {
        [
            Table(
                header: ["SPEC", "ID", "SNAPSHOT", "IN-TRASH"],
                rows: items.map { [$0.spec, $0.imageID, $0.snapshot, $0.inTrash ? "yes" : "no"] }
            )
        ]
    }
}

extension ParentImage: Presentable {
    var bareName: String { spec }

    static func table(of items: [ParentImage], detailed: Bool) -> [Table] {
        [
            Table(
                header: ["SPEC", "IMAGE-ID", "OVERLAP"],
                rows: items.map { [$0.spec, $0.imageID, ByteCount($0.overlapBytes).rounded] }
            )
        ]
    }
}

extension Namespace: Presentable {
    var bareName: String { "\(pool)/\(name)" }

    static func table(of items: [Namespace], detailed: Bool) -> [Table] {
        [
            Table(
                header: ["POOL", "NAMESPACE"] + (detailed ? ["IMAGES", "TRASH", "GROUPS", "MIRRORING"] : []),
                rows: items.map { item in
                    let contents = item.contents.map { [String($0.images), String($0.trash), String($0.groups)] }
                    let more = (contents ?? ["", "", ""]) + [item.mirroring?.mode ?? ""]
                    return [item.pool, item.name] + (detailed ? more : [])
                }
            )
        ]
    }
}

extension Pool: Presentable {
    var bareName: String { name }

    static func table(of items: [Pool], detailed: Bool) -> [Table] {
        let more = detailed ? ["MIN-SIZE", "QUOTA", "OBJECTS", "FLAGS"] : []
        return [
            Table(
                header: ["NAME", "ID", "TYPE", "SIZE", "PGS", "AUTOSCALE", "APPLICATIONS", "STORED", "AVAILABLE"]
                    + more,
                rows: items.map { $0.cells + (detailed ? $0.detailedCells : []) }
            )
        ]
    }

    private var cells: [String] {
        [
            name, String(id), type, String(size), String(pgNum), autoscale, applications.joined(separator: ","),
            usage.map { ByteCount($0.storedBytes).rounded } ?? "",
            usage.map { ByteCount($0.availableBytes).rounded } ?? "",
        ]
    }

    private var detailedCells: [String] {
        [
            String(minSize),
            quota.maxBytes == 0 ? "" : ByteCount(quota.maxBytes).rounded,
            usage.map { String($0.objects) } ?? "",
            flags.joined(separator: ","),
        ]
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

    /// A `~` before the number means that whole objects were counted. The number is then an upper bound.
    var usedText: String? {
        usage.map { usage in usage.usedBytes.map { (usage.approximate ? "~" : "") + ByteCount($0).rounded } ?? "" }
    }

    private var cells: [String] {
        [
            spec, sizeBytes.map { ByteCount($0).rounded } ?? "", state, snapshotCount.map { String($0) } ?? "",
            createdAt ?? "", parent?.spec ?? "",
        ]
    }

    private var detailedCells: [String] {
        [
            id, objectSizeBytes.map { ByteCount($0).rounded } ?? "", dataPool ?? "", group?.spec ?? "",
            flags.joined(separator: ","),
            features.joined(separator: ","),
        ]
    }
}
