// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension Problem {
    /// The image belongs to an entry of the journal, or to an earlier adoption.
    static func owned(_ image: ImageSpec, by owner: JournalSearch.Owner) -> Problem {
        let object = owner.kind.object(of: owner.uuid)
        let request = owner.entry.requestName
        switch (owner.kind, owner.role) {
        case (.volumes, .image):
            return Problem(
                .volumeOwned,
                detail: "image \"\(image)\" is the volume \"\(request)\" of ceph-csi already (\(object))",
                field: "image",
                hint: "rbdctl kubernetes manifest \(image) prints its PersistentVolume"
            )
        case (.snapshots, .image):
            return Problem(
                .volumeOwned,
                detail: "image \"\(image)\" is the snapshot \"\(request)\" of ceph-csi (\(object))",
                field: "image",
                hint: "copy it, and adopt the copy: rbdctl image copy"
            )
        case (_, .temporaryClone):
            return Problem(
                .volumeOwned,
                // The volume is another image, which may be out of the caller's scopes.
                detail: "ceph-csi clones a volume through image \"\(image)\"",
                field: "image",
                hint: "ceph-csi removes it when it needs it no longer"
            )
        }
    }

    /// ceph-csi would remove the entry of another image together with this one.
    static func uuidTaken(_ image: ImageSpec, _ kind: JournalKind, _ uuid: String) -> Problem {
        Problem(
            .volumeOwned,
            detail:
                "the name of image \"\(image)\" ends with the UUID of something else of ceph-csi (\(kind.object(of: uuid)))",
            field: "image",
            hint: "rename the image first: rbdctl image rename"
        )
    }

    /// The image is adopted, but not like this.
    static func adopted(_ image: ImageSpec, as adoption: Adoption, _ differences: [Difference]) -> Problem {
        let name = image.place.image(adoption.imageName)
        // The former name may be out of the caller's scopes.
        let former =
            name == image ? "" : Access.current.sees(name) ? " under the name \"\(name)\"" : " under another name"
        return Problem(
            .volumeOwned,
            detail: "image \"\(image)\" is adopted already\(former), for the claim \(adoption.claim)",
            field: differences.first?.field ?? "image",
            hint: (former.isEmpty ? "" : "rename it back, or ")
                + "release it first: rbdctl kubernetes release \(image)",
            differences: differences.isEmpty ? nil : differences
        )
    }

    /// The journal has the name of an image for an adopted image that was renamed since. Its new name may be out of the
    /// caller's scopes.
    static func renamed(_ image: ImageSpec, to name: ImageSpec) -> Problem {
        let isSeen = Access.current.sees(name)
        return Problem(
            .volumeOwned,
            detail:
                "ceph-csi's journal has the name of image \"\(image)\" for an adopted image that was renamed"
                + (isSeen ? " to \"\(name)\"" : ""),
            field: "image",
            hint: isSeen
                ? "rename that image back, or release it: rbdctl kubernetes release \(name)"
                : "ask the service's operator to release the image that was renamed"
        )
    }

    /// The image is to be deleted or renamed, but is a volume.
    static func isAdopted(_ image: ImageSpec, _ adoption: Adoption) -> Problem {
        Problem(
            .imageAdopted,
            detail: "image \"\(image)\" is a volume of Kubernetes, for the claim \(adoption.claim)",
            hint: "release it first: rbdctl kubernetes release \(image)"
        )
    }

    /// - Parameter other: the adopted image that has the claim, if there is one. It may be out of the caller's scopes.
    static func claimTaken(_ adoption: Adoption, by other: ImageSpec? = nil) -> Problem {
        let seen = other.flatMap { Access.current.sees($0) ? $0 : nil }
        let release = seen.map { "; or release that image: rbdctl kubernetes release \($0)" } ?? ""
        return Problem(
            .claimTaken,
            detail:
                "\(seen.map { "image \"\($0)\"" } ?? "another image") is the volume \"\(adoption.requestName)\" of the "
                + "claim \(adoption.claim)",
            field: "claimName",
            hint: "name another claim; if it is a claim of another Kubernetes cluster, give its UID" + release
        )
    }

    static func notAVolume(_ image: ImageSpec) -> Problem {
        Problem(
            .volumeNotFound,
            detail: "image \"\(image)\" is not a volume of Kubernetes, as far as Ceph knows",
            field: "image",
            hint: "rbdctl kubernetes adopt \(image) makes it one"
        )
    }

    static func interrupted(_ image: ImageSpec) -> Problem {
        Problem(
            .volumeNotFound,
            detail: "the adoption of image \"\(image)\" was interrupted",
            field: "image",
            hint: "adopt it again, or release it"
        )
    }

    /// The volume's entries are not those that an adoption has written.
    static func notAdopted(_ image: ImageSpec, _ reason: String) -> Problem {
        Problem(
            .volumeNotAdopted,
            detail: "image \"\(image)\": \(reason)",
            field: "image",
            hint: "delete the volume in Kubernetes"
        )
    }

    static func hasDependents(_ image: ImageSpec, _ blockers: [Blocker]) -> Problem {
        Problem(
            .volumeHasDependents,
            detail:
                "ceph-csi has \(count(blockers, "snapshot or clone", "snapshots and clones")) of image \"\(image)\"",
            field: "image",
            hint: "delete them in Kubernetes first",
            blockers: blockers
        )
    }

    private static func count(_ items: [some Any], _ noun: String, _ plural: String) -> String {
        "\(items.count) \(items.count == 1 ? noun : plural)"
    }
}
