// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import RBDAPI

/// Who has a claim and what for, as it is kept beside the pool's records of operations. All keys of a claim have the
/// same value.
struct ClaimRecord: Codable, Hashable, Sendable {
    /// The holder's session.
    var session: String
    /// Where the holder's client is, for the case that it has to be shut out.
    var address: String
    /// What the ids of images begin with that the holder's client makes.
    var idPrefix: String
    /// Another one for each claim.
    var token: String
    var purpose: ClaimPurpose
    /// All that is claimed together.
    var keys: [String]
    /// The place of the images and names.
    var namespace: String
    /// The names of images among what is claimed.
    var names: [RawName]
    /// The ids of images among what is claimed.
    var imageIDs: [String]
    /// The operation that it is for.
    var operation: String?
    /// Whether its holder has died, and somebody else clears up. Nil for false.
    var isTakenOver: Bool?

    init(
        _ subjects: [ClaimSubject],
        for purpose: ClaimPurpose,
        by session: ClaimSession,
        operation: String? = nil
    ) {
        self.session = session.id
        address = session.address
        idPrefix = session.cluster.imageIDPrefix
        token = String(UInt64.random(in: .min ... .max), radix: 36)
        self.purpose = purpose
        keys = subjects.map(\.key)
        namespace = ""
        (names, imageIDs) = ([], [])
        self.operation = operation
        for subject in subjects {
            switch subject {
            case .name(let name, let place):
                names.append(name)
                namespace = place
            case .image(let id, let place):
                imageIDs.append(id)
                namespace = place
            case .group, .operation: break
            }
        }
    }

    /// Nil where it can't be read; a newer release may have written it.
    init?(_ bytes: [UInt8]) {
        guard let record = try? JSONDecoder().decode(ClaimRecord.self, from: Data(bytes)) else { return nil }
        self = record
    }

    var bytes: [UInt8] {
        // Our own type holds nothing that JSON can't.
        (try? JSONEncoder().encode(self)).map(Array.init) ?? []
    }

    /// The same claim in the hands of whoever clears up after its holder.
    func taken(over session: ClaimSession) -> ClaimRecord {
        var record = self
        (record.session, record.address) = (session.id, session.address)
        record.isTakenOver = true
        record.token = String(UInt64.random(in: .min ... .max), radix: 36)
        return record
    }
}
