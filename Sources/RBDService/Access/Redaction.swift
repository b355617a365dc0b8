// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// A value that answers may contain. It says what a caller must not see of it: either by `seen`, or as `SameForAll`.
protocol Redacted: Encodable {
    /// The value without the names that are out of the caller's scopes.
    func seen(with access: Access) -> Self
}

extension Redacted {
    func seen() -> Self { Seen(self).value }
}

/// A value without anything that a caller must not see. JSON is made of these only.
struct Seen<Value: Redacted> {
    let value: Value

    init(_ value: Value, by access: Access = .current) {
        self.value = access.isUnlimited ? value : value.seen(with: access)
    }

    private init(element: Value) { value = element }

    /// Calls a function with each element of a list.
    func forEach<Element: Redacted>(_ body: (Seen<Element>) -> Void) where Value == [Element] {
        for element in value { body(Seen<Element>(element: element)) }
    }
}

extension Seen: Sendable where Value: Sendable {}
extension Seen: Equatable where Value: Equatable {}

extension Array: Redacted where Element: Redacted {
    func seen(with access: Access) -> [Element] { map { $0.seen(with: access) } }
}

extension Page: Redacted where Item: Redacted {
    /// The service that makes a page leaves out hidden items itself: the cursor would name them.
    func seen(with access: Access) -> Page {
        var page = self
        page.items = items.map { $0.seen(with: access) }
        return page
    }
}

// MARK: Images

extension RBDAPI.Image: Redacted {
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

extension ParentImage: Redacted {
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

extension ImageChildren: Redacted {
    func seen(with access: Access) -> ImageChildren {
        ImageChildren(items: items.filter { access.may(.read, $0.place) })
    }
}

extension ImageAncestry: Redacted {
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

extension Snapshot: Redacted {
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

extension ImageSnapshots: Redacted {
    func seen(with access: Access) -> ImageSnapshots {
        ImageSnapshots(items: items.map { $0.seen(with: access) })
    }
}

// MARK: Groups

extension RBDAPI.Group: Redacted {
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

extension RBDAPI.GroupSnapshot: Redacted {
    func seen(with access: Access) -> RBDAPI.GroupSnapshot {
        var snapshot = self
        snapshot.images = images.filter { access.mayRead(image: $0) }
        return snapshot
    }
}

// MARK: Plans, operations, problems

extension Plan: Redacted {
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

extension Problem: Redacted {
    func seen(with access: Access) -> Problem {
        var problem = access.veil.lifted(self)
        guard let blockers else { return problem }
        let seen = blockers.seen(with: access)
        guard seen != blockers else { return problem }
        problem.blockers = seen
        switch kind {
        // The details of these problems name the blockers, too, or their number.
        case .imageInGroup, .snapshotHasClones, .snapshotProtected, .volumeHasDependents:
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

extension RBDAPI.Operation: Redacted {
    func seen(with access: Access) -> RBDAPI.Operation {
        var operation = self
        operation.problem = problem?.seen(with: access)
        return operation
    }
}

extension PurgeAnswer: Redacted {
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
