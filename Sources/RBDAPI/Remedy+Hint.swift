// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming

extension Remedy {
    /// The remedy for clients of the HTTP API, which are told methods, paths and fields. Nil if this version does not
    /// know the action, or its kind.
    public var hint: String? {
        switch action {
        case .confirm: confirmation
        case .list: listing
        case .create: "POST /v1/pools/\(Self.encoded(place?.pool))/namespaces creates it"
        case .delete: deletion
        case .restore: "POST \(trashPath("restore")) restores the image"
        case .restoreToFree:
            "restore the image (POST \(trashPath("restore"))), then end its clients and break its locks"
        case .set: setting
        case .endClients: "unmap the image or end its clients; GET \(imagePath("watchers")) lists them"
        case .explain: "DELETE \(imagePath(query: "dryRun=true")) lists the steps that free the image, in order"
        case .follow: following
        case .nameSource:
            "name an existing image and snapshot in source: {\"pool\", \"namespace\", \"image\", \"snapshot\"}; "
                + "without a snapshot, POST copies the image"
        case .checkOutcome: "GET the object to see whether the change was made; PUT and DELETE can be repeated safely"
        case .checkCluster: "try again; GET /readyz shows whether the cluster answers"
        case .authenticate: "send the header \"Authorization: Bearer TOKEN\""
        case .readTag: "GET the image, and send the ETag header of that response, with its quotes"
        case .sendHeader: "send the header \"\(field ?? ""): \(value ?? "")\""
        case .leaveOut: "leave the header \(field ?? "") out"
        case .listPaths: "GET /openapi.yaml lists all paths; the parts of a path are percent-encoded, and none is empty"
        case .useMethod: "use \(value ?? "")"
        default: nil
        }
    }

    private var confirmation: String? {
        let parameter = "?\(field ?? "")=\(Self.encoded(value))"
        return switch field {
        case "confirm": "add \(parameter) to confirm"
        case "allowShrink": "add \"allowShrink\": true and \"confirmSize\": \(value ?? "") to confirm"
        case "purge":
            "add \(parameter) to delete it for good, or convert it to format 2: rbd migration prepare, then execute"
        case "force": "add \(parameter) to purge it before its time, or restore it"
        case "expired": "add \(parameter); to purge one image, DELETE /v1/pools/{pool}/trash/{id}"
        case "evenIfCloned":
            "flatten or delete the clones first; with \(parameter) the snapshot only loses its name: it stays in the trash "
                + "until the last clone is gone, and the image can't be deleted until then"
        default: nil
        }
    }

    private var listing: String? {
        switch kind ?? Kind(rawValue: "") {
        case .pool: "GET /v1/pools lists the pools, POST /v1/pools creates one"
        case .operation: "GET /v1/operations lists the operations; finished ones are kept for a limited time"
        case .trashEntry: "GET \(Self.path(in: place, "trash")) lists the trash"
        case .group:
            "GET \(Self.path(in: place, "groups")) lists the groups, POST on the same path creates one"
        case .snapshot: "GET \(imagePath("snapshots")) lists the image's snapshots"
        case .watcher: "GET \(imagePath("watchers")) lists the clients that have the image open"
        case .lock: "GET \(imagePath("locks")) lists the image's locks"
        case .groupImage: "GET \(groupPath("images")) lists the images of the group"
        case .groupSnapshot: "GET \(groupPath("snapshots")) lists the snapshots of the group"
        default: nil
        }
    }

    private var deletion: String? {
        switch kind ?? Kind(rawValue: "") {
        case .image: "DELETE \(imagePath()) deletes it"
        case .trashEntry: "DELETE \(trashPath()) removes the rest"
        case .lock:
            "DELETE \(imagePath("locks", value ?? "", query: "confirm=\(Self.encoded(value))")) breaks the lock"
        case .groupImage: "DELETE \(memberPath) removes the image from the group"
        case .groupSnapshot: "DELETE \(groupSnapshotPath) deletes the group snapshot"
        default: nil
        }
    }

    private var setting: String? {
        switch field {
        case "protected":
            "PATCH \(snapshotPath) with {\"protected\": \(value ?? "")} removes the protection"
        case "limit": "delete a snapshot, or raise the limit: PUT \(imagePath("snapshot-limit"))"
        case "application":
            "PATCH /v1/pools/\(Self.encoded(subject)) with {\"application\": \"\(value ?? "")\"} makes the pool ready for RBD"
        case "enableFeatures": "PATCH \(imagePath()) with {\"enableFeatures\": [\"\(value ?? "")\"]} enables it"
        case "qos": "set it with the field qos.\(value ?? "")"
        default: nil
        }
    }

    private var following: String {
        let path = "/v1/operations/\(Self.encoded(subject))"
        return cancellable == true
            ? "GET \(path)?wait=60s waits for its end, DELETE \(path) cancels it"
            : "GET \(path)?wait=60s waits for its end"
    }
}

// MARK: Paths

extension Remedy {
    private static func encoded(_ text: String?) -> String { PercentEncoding.encode(text ?? "") }

    /// - Parameter parts: not yet escaped.
    private static func path(in place: Place?, _ parts: String..., query: String? = nil) -> String {
        path(in: place, parts, query: query)
    }

    private static func path(in place: Place?, _ parts: [String], query: String? = nil) -> String {
        let end = parts.map { "/" + PercentEncoding.encode($0) }.joined()
        guard let place else { return "..." + end }
        let namespace = place.namespace.isEmpty ? nil : "namespace=\(PercentEncoding.encode(place.namespace))"
        let parameters = [namespace, query].compactMap { $0 }
        return "/v1/pools/\(PercentEncoding.encode(place.pool))" + end
            + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
    }

    /// The subject as a pool, or a pool and a namespace.
    private var place: Place? { subject.flatMap { Place(parsing: $0) } }

    private var image: ImageSpec? { subject.flatMap { ImageSpec(parsing: $0) } }

    private func imagePath(_ parts: String..., query: String? = nil) -> String {
        Self.path(in: image?.place, ["images", image?.image ?? "{image}"] + parts, query: query)
    }

    private func trashPath(_ parts: String...) -> String {
        Self.path(in: image?.place, ["trash", image?.image ?? "{id}"] + parts)
    }

    private var snapshotPath: String {
        guard let spec = subject.flatMap({ SnapshotSpec(parsing: $0) }) else { return "the snapshot" }
        return Self.path(in: spec.image.place, ["images", spec.image.image, "snapshots", spec.snapshot])
    }

    private func groupPath(_ parts: String...) -> String {
        guard let group = subject.flatMap({ GroupSpec(parsing: $0) }) else {
            return ".../" + parts.joined(separator: "/")
        }
        return Self.path(in: group.place, ["groups", group.name] + parts)
    }

    private var groupSnapshotPath: String {
        guard let spec = subject.flatMap({ GroupSnapshotSpec(parsing: $0) }) else { return "the group snapshot" }
        return Self.path(in: spec.group.place, ["groups", spec.group.name, "snapshots", spec.snapshot])
    }

    /// The image as a member of the group.
    private var memberPath: String {
        guard let image, let group = value.flatMap({ GroupSpec(parsing: $0) }) else { return "the member" }
        return Self.path(
            in: group.place,
            ["groups", group.name, "images", image.image],
            query: image.pool == group.pool ? nil : "imagePool=\(PercentEncoding.encode(image.pool))"
        )
    }
}
