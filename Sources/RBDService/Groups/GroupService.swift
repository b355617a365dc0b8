// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of groups and of their images.
struct GroupService: Sendable {
    let images: ImageAccess
    let operations: OperationStore

    func list(in place: Place, _ request: PageRequest) async throws -> Page<RBDAPI.Group> {
        let names = try await images.pool(place).groups().filter { Access.current.may(.read, .name($0, place: place)) }
        return Page(names, request, by: \.self) { name in
            RBDAPI.Group(pool: place.pool, namespace: place.namespace, name: name)
        }
    }

    func get(_ group: GroupSpec) async throws -> RBDAPI.Group {
        RBDAPI.Group(try await images.info(group), of: group)
    }

    func create(_ name: String, in place: Place, isDryRun: Bool) async throws -> Attempt<RBDAPI.Group> {
        try ImageRules.checkName(name, field: "name", what: "group")
        try Access.current.requireCreation(of: name, in: place, .group)
        let group = GroupSpec(place, name: name)
        let pool = try images.pool(place)
        guard !isDryRun else {
            try await requireFree(group, in: pool)
            return Attempt(Plan.Step(.createGroup, group.description))
        }
        return try await images.changing(group, .changeGroup, isDryRun: false) {
            .done(RBDAPI.Group(try await pool.createGroup(named: name), of: group))
        }
    }

    func rename(_ group: GroupSpec, to name: String, isDryRun: Bool) async throws -> Attempt<RBDAPI.Group> {
        try ImageRules.checkName(name, field: "name", what: "group")
        if name != group.name { try Access.current.requireCreation(of: name, in: group.place, .group) }
        let renamed = GroupSpec(group.place, name: name)
        let pool = try images.pool(group.place)
        return try await images.changingQuiet(group, and: name, .changeGroup, isDryRun: isDryRun) {
            // A repeated request finds the group renamed.
            let info = try await pool.group(named: group.name)
            if isDryRun {
                if name == group.name { return Attempt([]) }
                try await requireFree(renamed, in: pool)
                return Attempt(Plan.Step(.renameGroup, group.description, detail: "to \(renamed)"))
            }
            if name != group.name { try await pool.renameGroup(named: group.name, to: name) }
            return .done(RBDAPI.Group(info, of: renamed))
        }
    }

    /// Deletes a group. Its images stay. Its snapshots prevent it.
    func delete(_ group: GroupSpec, isDryRun: Bool) async throws -> Attempt<Void> {
        let pool = try images.pool(group.place)
        return try await images.changingQuiet(group, .changeGroup, isDryRun: isDryRun) {
            let info = try await pool.group(named: group.name)
            // The images lose their group. So the caller needs a scope to change each of them.
            let others = info.members.map(\.image.spec).filter { spec in
                !Access.current.may(.delete, spec) && !Access.current.may(.modify, spec)
            }
            try Access.current.require(.modify, onAll: others)
            let problem = Self.hasSnapshots(info, group)
            if isDryRun {
                let snapshots = info.snapshots.map {
                    Plan.Step(.deleteGroupSnapshot, "\(group.snapshot($0.name))")
                }
                let members = info.members.map {
                    Plan.Step(.removeImageFromGroup, $0.image.spec.description, detail: "the image stays")
                }
                return .planned(
                    Plan(
                        allowed: problem == nil,
                        steps: snapshots + members + [Plan.Step(.deleteGroup, group.description)],
                        blockers: problem?.blockers ?? []
                    )
                )
            }
            if let problem { throw problem }
            try await pool.removeGroup(named: group.name)
            return .done(())
        }
    }

    func listImages(_ group: GroupSpec, _ request: PageRequest) async throws -> Page<RBDAPI.GroupImage> {
        let members = try await images.info(group).members.map { RBDAPI.GroupImage($0) }
            .filter { Access.current.may(.read, $0.place) }
        return Page(members, request, by: \.spec) { $0 }
    }

    /// - Returns: the image, and whether it is new in the group.
    func add(
        _ image: String,
        ofPool imagePool: String,
        to group: GroupSpec,
        isDryRun: Bool
    ) async throws -> Attempt<(image: RBDAPI.GroupImage, isNew: Bool)> {
        let place = Place(pool: imagePool, namespace: group.namespace)
        let member = RBDAPI.GroupImage(spec: place.image(image), state: "attached")
        let (pool, own) = (try images.pool(group.place), try images.pool(place))
        return try await images.changingQuiet(group, .changeGroupImages, isDryRun: isDryRun) {
            if isDryRun {
                let isMember = try await pool.group(named: group.name).members
                    .contains { $0.image.resource == .image(place.image(image)) && !$0.isIncomplete }
                if isMember { return Attempt([]) }
                if let other = try await own.use(ofImage: image).group {
                    throw Self.inGroup(place.image(image), other)
                }
                return Attempt(Plan.Step(.addImageToGroup, member.spec, detail: "to \(group)"))
            }
            // A missing group is reported before a missing image.
            _ = try await pool.group(named: group.name)
            return try await images.changing(image, in: place, .changeGroupImages) { _ in
                do {
                    let isNew = try await pool.addImage(named: image, ofPool: own, toGroup: group.name)
                    return .done((member, isNew))
                } catch let error as CephError where error.code == .imageInGroup {
                    guard let other = try await own.use(ofImage: image).group else { throw error }
                    throw Self.inGroup(place.image(image), other, errno: error.errno)
                }
            }
        }
    }

    func remove(
        _ image: String,
        ofPool imagePool: String,
        from group: GroupSpec,
        isDryRun: Bool
    ) async throws -> Attempt<Void> {
        let place = Place(pool: imagePool, namespace: group.namespace)
        let (pool, own) = (try images.pool(group.place), try images.pool(place))
        return try await images.changingQuiet(group, .changeGroupImages, isDryRun: isDryRun) {
            let members = try await pool.group(named: group.name).members
            guard let member = members.first(where: { $0.image.resource == .image(place.image(image)) }) else {
                throw CephError(.imageNotInGroup, .changeGroupImages, on: .image(place.image(image)))
            }
            if isDryRun {
                return Attempt(
                    Plan.Step(.removeImageFromGroup, place.image(image).description, detail: "the image stays")
                )
            }
            return try await images.changing(all: [member.image], isDryRun: false) {
                try await pool.removeImage(named: image, ofPool: own, fromGroup: group.name)
                return .done(())
            }
        }
    }

    private func requireFree(_ group: GroupSpec, in pool: Ceph.Pool) async throws {
        guard try await pool.groups().contains(group.name) else { return }
        throw CephError(.groupExists, .changeGroup, on: .group(group))
    }

    private static func hasSnapshots(_ info: GroupInfo, _ group: GroupSpec) -> Problem? {
        guard let first = info.snapshots.first else { return nil }
        return Problem(
            .groupHasSnapshots,
            detail: "group \"\(group)\" has \(Problem.count(info.snapshots, "snapshot"))",
            field: "group",
            remedy: .delete(group.snapshot(first.name)),
            blockers: info.snapshots.map { Problem.Blocker(.snapshot, name: "\(group.snapshot($0.name))") }
        )
    }

    private static func inGroup(_ image: ImageSpec, _ other: ImageUse.Group, errno: CInt? = nil) -> Problem {
        let spec = Problem.spec(of: other, with: image).description
        return Problem(
            .imageInGroup,
            detail: "image \"\(image)\" belongs to the group \(spec); an image can be in only one group",
            field: "image",
            errno: errno,
            remedy: .remove(image, fromGroup: spec),
            blockers: [Problem.Blocker(.group, name: spec)]
        )
    }
}

extension Ceph.GroupImage {
    var spec: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: name) }
}

extension RBDAPI.GroupImage {
    init(_ member: GroupMember) {
        self.init(spec: member.image.spec, state: member.isIncomplete ? "incomplete" : "attached")
    }
}

extension RBDAPI.GroupSnapshot {
    init(_ info: GroupSnapshotInfo, of group: GroupSpec) {
        self.init(
            spec: "\(group.snapshot(info.name))",
            name: info.name,
            id: info.id,
            state: info.isIncomplete ? "incomplete" : "complete",
            images: info.images.map { $0.spec.description }
        )
    }
}

extension RBDAPI.Group {
    init(_ info: GroupInfo, of group: GroupSpec) {
        self.init(
            pool: group.pool,
            namespace: group.namespace,
            name: group.name,
            id: info.id,
            images: info.members.map { RBDAPI.GroupImage($0) },
            snapshots: info.snapshots.map { RBDAPI.GroupSnapshot($0, of: group) }
        )
    }
}
