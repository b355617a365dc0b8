// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Values that may name things that the caller must not see. JSON answers contain only what `seen` returns.
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
    /// The service that makes a page leaves out hidden items itself: the cursor would name them.
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
        // A caller who may create the image, but not read it, does not see its metadata and QoS limits.
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
    /// The clone's own properties, which stay visible: that it has a parent, and how much of the parent it needs.
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
    /// The ancestors up to the first that is hidden.
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
    /// For the details of errors.
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
    /// The plan still says that something blocks the change, or would break. It does not name it.
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
        .askOthers,
        "",
        detail: "this affects images or groups that are out of scope; the service's operator can name them"
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
        // The details of these problems name the blockers, too.
        case .imageInGroup, .snapshotHasClones, .snapshotProtected:
            problem.detail = "\(title.prefix(1).lowercased())\(title.dropFirst()), and some of that is out of scope"
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
                // The number of hidden blockers is not shown either.
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

    /// Whether an image, a group or a snapshot in Ceph's notation is in scope.
    fileprivate func sees(text: String) -> Bool {
        if let image = ImageSpec(parsing: text), sees(image) { return true }
        return SnapshotSpec(parsing: text).map { sees($0.image) } ?? false
    }
}
