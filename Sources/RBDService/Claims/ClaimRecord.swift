// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import RBDAPI

/// The holder and the purpose of a claim, as stored beside the pool's records of operations. All keys of a claim have
/// the same value.
struct ClaimRecord: Codable, Hashable, Sendable {
    var session: String
    /// The address of the holder's client, in case it must be shut out.
    var address: String
    /// The prefix of the ids of all images that the holder's client creates.
    var idPrefix: String
    /// A new token for each claim.
    var token: String
    var purpose: ClaimPurpose
    var keys: [String]
    /// The namespace of the images and names.
    var namespace: String
    /// The image names among the subjects.
    var names: [RawName]
    /// The image ids among the subjects.
    var imageIDs: [String]
    /// The operation that the claim is for.
    var operation: String?
    /// Whether the holder has died, and another replica cleans up. Nil for false.
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

    /// Nil if the value can't be read, because a newer release may have written it.
    init?(_ bytes: [UInt8]) {
        guard let record = try? JSONDecoder().decode(ClaimRecord.self, from: Data(bytes)) else { return nil }
        self = record
    }

    var bytes: [UInt8] {
        // This type contains nothing that JSON can't represent.
        (try? JSONEncoder().encode(self)).map(Array.init) ?? []
    }

    /// The same claim, held by the session that cleans up after the first holder.
    func taken(over session: ClaimSession) -> ClaimRecord {
        var record = self
        (record.session, record.address) = (session.id, session.address)
        record.isTakenOver = true
        record.token = String(UInt64.random(in: .min ... .max), radix: 36)
        return record
    }
}
