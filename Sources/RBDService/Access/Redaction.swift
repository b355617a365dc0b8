// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What may name things that whoever asked must not see. Answers are written as this shows them.
protocol Scoped: Encodable {
    func seen(with access: Access) -> Self
}

extension Scoped {
    func seen() -> Self {
        let access = Access.current
        return access.isUnlimited ? self : seen(with: access)
    }
}

extension Page: Scoped {
    /// Whoever makes a page leaves out what must not be seen: its cursor would name it.
    func seen(with access: Access) -> Page {
        var page = self
        page.items = items.map { ($0 as? any Scoped)?.seen(with: access) as? Item ?? $0 }
        return page
    }
}

// MARK: Images

extension RBDAPI.Image: Scoped {
    func seen(with access: Access) -> RBDAPI.Image {
        var image = self
        // Whoever may only create it learns what it is, and not what is written on it.
        if metadata != nil || qos != nil, !access.may(.read, ImageSpec(pool: pool, namespace: namespace, image: name)) {
            (image.metadata, image.qos) = (nil, nil)
        }
        guard parent != nil || group != nil || children != nil else { return image }
        image.parent = parent?.seen(with: access)
        if let group, !access.may(.read, group.place) { image.group = nil }
        image.children = children?.filter { access.may(.read, $0.place) }
        return image
    }
}

extension ParentImage: Scoped {
    /// That there is one, and how much of it is needed, belongs to the clone.
    func seen(with access: Access) -> ParentImage {
        guard !access.may(.read, place) else { return self }
        var parent = self
        (parent.spec, parent.pool, parent.namespace, parent.image) = ("", "", "", "")
        (parent.imageID, parent.snapshot) = ("", "")
        return parent
    }

    fileprivate var place: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: image) }
}

extension ImageChildren: Scoped {
    func seen(with access: Access) -> ImageChildren {
        ImageChildren(items: items.filter { access.may(.read, $0.place) })
    }
}

extension ImageAncestry: Scoped {
    /// As far as they can be seen one after the other.
    func seen(with access: Access) -> ImageAncestry {
        ImageAncestry(items: Array(items.prefix { access.may(.read, $0.place) }))
    }
}

extension ImageChild {
    fileprivate var place: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: image) }
}

extension ImageGroup {
    fileprivate var place: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: name) }
}

extension Snapshot: Scoped {
    func seen(with access: Access) -> Snapshot {
        guard kind == "group", let origin, !access.mayRead(snapshot: origin) else { return self }
        var snapshot = self
        snapshot.origin = nil
        return snapshot
    }
}

extension SnapshotInfo {
    /// For what errors say of it.
    func seen() -> SnapshotInfo {
        let access = Access.current
        guard kind == .group, let origin, !access.isUnlimited, !access.mayRead(snapshot: origin) else { return self }
        var snapshot = self
        snapshot.origin = nil
        return snapshot
    }
}

extension ImageSnapshots: Scoped {
    func seen(with access: Access) -> ImageSnapshots {
        ImageSnapshots(items: items.map { $0.seen(with: access) })
    }
}

// MARK: Groups

extension RBDAPI.Group: Scoped {
    func seen(with access: Access) -> RBDAPI.Group {
        var group = self
        group.images = images?.filter { access.may(.read, $0.place) }
        group.snapshots = snapshots?.map { $0.seen(with: access) }
        return group
    }
}

extension RBDAPI.GroupImage {
    var place: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: name) }
}

extension RBDAPI.GroupSnapshot: Scoped {
    func seen(with access: Access) -> RBDAPI.GroupSnapshot {
        var snapshot = self
        snapshot.images = images.filter { access.mayRead(image: $0) }
        return snapshot
    }
}

// MARK: Plans, operations, problems

extension Plan: Scoped {
    /// That something stands in the way, or would be broken, is told; what it is, is not.
    func seen(with access: Access) -> Plan {
        var plan = self
        plan.steps = []
        for step in steps {
            // Clients, pools and operations have no slash in their names.
            if !step.subject.contains("/") || access.sees(text: step.subject) {
                plan.steps.append(step)
            } else if plan.steps.last?.action != Self.hidden.action {
                plan.steps.append(Self.hidden)
            }
        }
        plan.blockers = blockers.seen(with: access)
        return plan
    }

    private static let hidden = Plan.Step(
        "ask-others",
        "",
        detail: "images or groups that are out of scope are concerned; whoever runs the service can name them"
    )
}

extension Problem: Scoped {
    func seen(with access: Access) -> Problem {
        var problem = access.veil.lifted(self)
        guard let blockers else { return problem }
        let seen = blockers.seen(with: access)
        guard seen != blockers else { return problem }
        problem.blockers = seen
        switch ProblemCode(rawValue: code) {
        // These tell of the blockers in words, too.
        case .imageInGroup, .snapshotHasClones, .snapshotProtected:
            problem.detail = "\(title.prefix(1).lowercased())\(title.dropFirst()), and not all of that is in scope"
            problem.advise("ask the service's operator about the objects that are out of scope")
        default: break
        }
        return problem
    }
}

extension [Problem.Blocker] {
    fileprivate func seen(with access: Access) -> Self {
        var seen: Self = []
        for blocker in self {
            switch blocker.kind {
            case .clone where !access.mayRead(image: blocker.name ?? ""),
                .group where !access.mayRead(image: blocker.name ?? ""):
                // Not how many, either.
                let nameless = Problem.Blocker(blocker.kind)
                if !seen.contains(nameless) { seen.append(nameless) }
            default: seen.append(blocker)
            }
        }
        return seen
    }
}

extension RBDAPI.Operation: Scoped {
    func seen(with access: Access) -> RBDAPI.Operation {
        var operation = self
        operation.problem = problem?.seen(with: access)
        return operation
    }
}

extension PurgeAnswer: Scoped {
    func seen(with access: Access) -> PurgeAnswer {
        PurgeAnswer(operations: operations.map { $0.seen(with: access) })
    }
}

extension Access {
    fileprivate func mayRead(image text: String) -> Bool {
        ImageSpec(parsing: text).map { may(.read, $0) } ?? false
    }

    fileprivate func mayRead(snapshot text: String) -> Bool {
        SnapshotSpec(parsing: text).map { may(.read, $0.image) } ?? false
    }

    /// Whether an image, a group or a snapshot, as Ceph writes it, is in scope.
    fileprivate func sees(text: String) -> Bool {
        if let image = ImageSpec(parsing: text), sees(image) { return true }
        return SnapshotSpec(parsing: text).map { sees($0.image) } ?? false
    }
}
