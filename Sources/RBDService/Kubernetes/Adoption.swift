// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// The adoption of an image: what this service has written into ceph-csi's journal, and why.
///
/// It is stored beside the pool's records of operations, before anything is written into the journal. It proves later
/// that the entries are the service's own, and may be removed. An adoption that was interrupted is continued by a
/// repeated request.
struct Adoption: Codable, Hashable, Sendable {
    var imageName: String
    var imageID: String
    /// Nil for a static volume, which is not in the journal.
    var uuid: String?
    /// The name of the CSI request, and of the PersistentVolume.
    var requestName: String
    var request: AdoptImageRequest
    /// Whether the journal's directory did not exist before. Known before it is created, so that an interrupted
    /// adoption leaves no empty directory behind.
    var hasMadeDirectory = false
    /// Whether the entries are written. False again as soon as a release begins.
    var isComplete = false

    var instance: String { request.instance ?? VolumeJournal.usualInstance }

    /// The claim as Kubernetes writes it.
    var claim: String { "\(request.claimNamespace)/\(request.claimName)" }

    /// What the journal has for the volume.
    var entry: JournalEntry {
        JournalEntry(
            requestName: requestName,
            imageName: imageName,
            imageID: imageID,
            owner: request.claimNamespace,
            encryptionKMS: request.encryptionKMSID,
            encryptionType: request.encryptionKMSID == nil ? nil : request.encryptionType ?? "block"
        )
    }

    /// Whether the image was adopted as this static PersistentVolume. Such an adoption ends with its volume.
    func isStaticVolume(_ name: String) -> Bool { uuid == nil && requestName == name }

    /// Whether an entry is the one that this adoption has written. ceph-csi sets another owner if another claim gets
    /// the volume, and adds keys if the volume becomes a member of a group.
    func hasWritten(_ found: JournalEntry) -> Bool {
        var found = found
        found.owner = entry.owner
        found.otherKeys = []
        return found == entry
    }
}

/// An adoption as it is stored.
struct StoredAdoption: Sendable {
    var adoption: Adoption
    var key: String
    var bytes: [UInt8]
}

/// The adoptions of a place. Beside each record is a key of its claim, so that no claim gets two images, whether or not
/// the volumes are in the journal.
struct AdoptionStore: Sendable {
    private let pool: Ceph.Pool
    private let records: Records
    private let prefix: String
    private let claimPrefix: String

    init(_ pool: Ceph.Pool) {
        self.pool = pool
        records = Records(of: pool)
        // Names of namespaces have no slash.
        prefix = "volume.\(pool.namespace)/"
        claimPrefix = "volume-claim.\(pool.namespace)/"
    }

    /// - Throws: `Problem` with `volume-owned` if a newer release has written it.
    func adoption(ofImageID id: String) async throws -> StoredAdoption? {
        let key = prefix + id
        return try await records.value(key).map { try Self.read(key, $0) }
    }

    /// The adoption of the image that had this name when it was adopted.
    func adoption(ofImageNamed name: String) async throws -> StoredAdoption? {
        try await records.values(prefix: prefix).lazy.compactMap { try? Self.read($0.key, $0.value) }
            .first { $0.adoption.imageName.utf8.elementsEqual(name.utf8) }
    }

    /// Requires that no image is adopted for the claim.
    /// - Throws: `Problem` with `claim-taken`.
    func requireFree(_ adoption: Adoption) async throws {
        guard let id = try await records.value(claimPrefix + adoption.requestName) else { return }
        let other = try? await self.adoption(ofImageID: String(decoding: id, as: UTF8.self))?.adoption
        throw Problem.claimTaken(adoption, by: other.map { pool.place.image($0.imageName) })
    }

    /// Requires that an image is not adopted, because it is to be renamed: ceph-csi's journal has its name. The image
    /// is claimed, so it can't be adopted meanwhile.
    /// - Parameter newName: may be the name that the image had when it was adopted.
    /// - Throws: `Problem` with `image-adopted`.
    func requireNone(ofImageID id: String, _ spec: ImageSpec, newName: String) async throws {
        guard let adoption = try await adoption(ofImageID: id)?.adoption else { return }
        if newName.utf8.elementsEqual(adoption.imageName.utf8) { return }
        throw Problem.isAdopted(spec, adoption)
    }

    /// Requires that an image may be deleted: it is not adopted, or only as the static volume that ends with it. The
    /// image is claimed, so it can't be adopted meanwhile.
    /// - Parameter volume: the PersistentVolume that ends with the image; nil if none does.
    /// - Returns: the adoption that ends, too.
    /// - Throws: `Problem` with `image-adopted`.
    func requireEnding(ofImageID id: String, _ spec: ImageSpec, with volume: String?) async throws -> StoredAdoption? {
        guard let stored = try await adoption(ofImageID: id) else { return nil }
        if let volume, stored.adoption.isStaticVolume(volume) { return stored }
        throw Problem.isAdopted(spec, stored.adoption)
    }

    /// - Parameter old: what is replaced; nil if there must be none.
    /// - Throws: `Problem` with `claim-taken` if another image was adopted for the claim meanwhile; `CephError` with
    ///   `.imageChanged` if another replica has written the same adoption.
    func save(_ adoption: Adoption, replacing old: StoredAdoption?) async throws -> StoredAdoption {
        let key = prefix + adoption.imageID
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let bytes = Array(try encoder.encode(adoption))
        var change = Records.Change()
        if let old {
            change.require(key, equals: old.bytes)
        } else {
            let claim = claimPrefix + adoption.requestName
            change.require(absent: key)
            change.require(absent: claim)
            change.set(claim, to: Array(adoption.imageID.utf8))
        }
        change.set(key, to: bytes)
        guard try await records.apply(change) else {
            if old == nil, try await records.value(key) == nil { try await requireFree(adoption) }
            throw changed(adoption)
        }
        return StoredAdoption(adoption: adoption, key: key, bytes: bytes)
    }

    /// - Throws: `CephError` with `.imageChanged` if another replica has changed it meanwhile.
    func remove(_ stored: StoredAdoption) async throws {
        var change = Records.Change()
        change.require(stored.key, equals: stored.bytes)
        change.remove(stored.key)
        change.remove(claimPrefix + stored.adoption.requestName)
        guard try await records.apply(change) else { throw changed(stored.adoption) }
    }

    private func changed(_ adoption: Adoption) -> CephError {
        CephError(.imageChanged, .changeRecord, on: pool.resource(ofImage: adoption.imageName))
    }

    private static func read(_ key: String, _ bytes: [UInt8]) throws -> StoredAdoption {
        guard let adoption = try? JSONDecoder().decode(Adoption.self, from: Data(bytes)) else {
            throw Problem(
                .volumeOwned,
                detail: "a newer release of the service has adopted the image",
                field: "image",
                hint: "use that release"
            )
        }
        return StoredAdoption(adoption: adoption, key: key, bytes: bytes)
    }
}
