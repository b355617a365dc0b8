// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    /// Acts on an image in the trash that is given by its id, or by the name that it had.
    ///
    /// An id takes precedence. If several images had the name, nothing is done.
    func withTrashEntry<Value: Sendable>(
        _ entry: ImageSpec,
        _ action: (ImageSpec) async throws -> Value
    ) async throws -> Value {
        do {
            return try await action(entry)
        } catch let failure as Failure where failure.code == .trashEntryNotFound {
            let found = try await trashEntries(named: entry)
            guard let first = found.first else { throw failure }
            guard found.count == 1 else { throw Failure(ambiguous: entry, found) }
            return try await action(first.entrySpec)
        }
    }

    /// The images in the trash that had a name, the last deleted first. Those whose removal has begun are left out,
    /// because they can't be restored.
    func trashEntries(named spec: ImageSpec) async throws -> [TrashedImage] {
        try await trash(of: spec.place)
            .filter { $0.name == spec.image && $0.state == "trashed" }
            .sorted { $0.deletedAt > $1.deletedAt }
    }
}

extension TrashedImage {
    /// The image's spec with its id in place of its name.
    var entrySpec: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: id) }

    /// For a list of candidates.
    var line: String { "\(entrySpec) deleted at \(deletedAt), kept until \(keptUntil)" }
}

extension Failure {
    /// Several images in the trash had the name.
    /// - Parameter found: their entries.
    init(ambiguous entry: ImageSpec, _ found: [TrashedImage]) {
        self.init(
            .usage,
            "\(found.count) images in the trash had the name \(entry); nothing was changed",
            hint: "name one by its id, such as \(found[0].entrySpec)"
        )
        notes = found.map(\.line)
    }

    /// An image does not exist, because it is in the trash.
    /// - Parameter found: its entries, of which there is at least one.
    init(inTrash spec: ImageSpec, _ found: [TrashedImage]) {
        self.init(
            .notFound,
            found.count == 1
                ? "\(spec) is in the trash, and can be restored"
                : "\(spec) is in the trash \(found.count) times, and can be restored",
            hint: "rbdctl trash restore \(found[0].entrySpec) restores it"
                + (found.count == 1 ? "" : " as it was when it was last deleted")
        )
        notes = found.map(\.line)
        code = .imageNotFound
    }
}
