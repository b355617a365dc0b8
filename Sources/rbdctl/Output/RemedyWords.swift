// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

extension Problem {
    /// What solves the problem, in terms of rbdctl.
    ///
    /// An older service sends no remedies. Its hint is then shown as it is.
    var commandLineHint: String? {
        guard let remedy else { return hint }
        // The hint of an unknown remedy is for clients of the HTTP API.
        return remedy.words
            ?? "a newer rbdctl knows what to do (\(remedy.action.rawValue)); this one is \(programVersion)"
    }
}

extension Remedy {
    /// The remedy in commands and options of rbdctl; nil if this version does not know it.
    var words: String? {
        switch action {
        case .confirm: confirmation
        case .list: listing
        case .create: "rbdctl namespace create \(name) creates it"
        case .delete: deletion
        case .restore: "rbdctl trash restore \(name) restores the image"
        case .restoreToFree:
            "restore the image (rbdctl trash restore \(name)), then end its clients and break its locks"
        case .set: setting
        case .endClients: "unmap the image or end its clients; rbdctl image watcher list \(name) lists them"
        case .explain: "rbdctl explain \(name) lists the steps that free the image, in order"
        case .follow:
            "rbdctl operation get --watch \(name) waits for its end"
                + (cancellable == true ? ", rbdctl operation cancel \(name) cancels it" : "")
        case .nameSource:
            "write the source as pool/image@snapshot; the snapshot must exist. To copy an image: rbdctl image copy"
        case .checkOutcome: "check if the change was made before you repeat it"
        case .checkCluster: "try again; rbdctl cluster get shows whether the cluster answers"
        case .authenticate:
            "use --token-file or RBDCTL_TOKEN, a client certificate, or a context that has one of these (rbdctl context set)"
        case .readTag: "look at the image again, then repeat the command"
        // rbdctl sends its requests as the contract has them.
        case .sendHeader, .leaveOut, .listPaths, .useMethod:
            "rbdctl (\(programVersion)) and the service do not match; does the service have another version?"
        default: nil
        }
    }

    private var name: String { subject ?? "" }

    /// The value as a size.
    private var size: String {
        guard let bytes = UInt64(value ?? "") else { return "SIZE" }
        return ByteCount(bytes).description
    }

    private var confirmation: String? {
        switch field {
        case "confirm":
            kind == .watcher || kind == .lock ? "add --yes to confirm" : "add --confirm \(value ?? "") to confirm"
        case "allowShrink":
            "add --allow-shrink --confirm \(size) to confirm"
        case "purge":
            "add --purge to delete it for good, or convert it to format 2: rbd migration prepare, then execute"
        case "force": "add --force to purge it before its time, or restore it: rbdctl trash restore"
        case "expired": "rbdctl trash purge-expired purges the expired images, rbdctl trash purge a single one"
        case "evenIfCloned":
            "flatten or delete the clones first; with --even-if-cloned the snapshot only loses its name: it stays in the "
                + "trash until the last clone is gone, and the image can't be deleted until then"
        default: nil
        }
    }

    private var listing: String? {
        switch kind ?? Kind(rawValue: "") {
        case .pool: "rbdctl pool list lists the pools, rbdctl pool create creates one"
        case .operation: "rbdctl operation list lists the operations; finished ones are kept for a limited time"
        case .trashEntry: "rbdctl trash list \(name) lists the trash"
        case .group: "rbdctl group list \(name) lists the groups, rbdctl group create creates one"
        case .snapshot: "rbdctl snapshot list \(name) lists the image's snapshots"
        case .watcher: "rbdctl image watcher list \(name) lists the clients that have the image open"
        case .lock: "rbdctl image lock list \(name) lists the image's locks"
        case .groupImage: "rbdctl group image list \(name) lists the images of the group"
        case .groupSnapshot: "rbdctl group snapshot list \(name) lists the snapshots of the group"
        default: nil
        }
    }

    private var deletion: String? {
        switch kind ?? Kind(rawValue: "") {
        case .image: "rbdctl image delete \(name) deletes it"
        case .trashEntry: "rbdctl trash purge \(name) removes the rest"
        case .lock: "rbdctl image lock break \(name) \(value ?? "") breaks the lock"
        case .groupImage: "rbdctl group image remove \(value ?? "") \(name) removes the image from the group"
        case .groupSnapshot: "rbdctl group snapshot delete \(name) deletes the group snapshot"
        default: nil
        }
    }

    private var setting: String? {
        switch field {
        case "protected": "rbdctl snapshot unprotect \(name) removes the protection"
        case "limit": "delete a snapshot, or raise the limit: rbdctl snapshot limit \(name) NUMBER"
        case "application": "rbdctl pool set \(name) --application \(value ?? "") makes the pool ready for RBD"
        case "enableFeatures": "rbdctl image feature enable \(name) \(value ?? "") enables it"
        case "qos": "set it with rbdctl image qos set IMAGE \(value ?? "")=NUMBER"
        default: nil
        }
    }
}
