// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What an adoption requires, and what it writes.
extension AdoptionService {
    /// The metadata that ceph-csi sets on images that it encrypts; the second key is that of old releases.
    private static let encryptionKeys = ["rbd.csi.ceph.com/encrypted", ".rbd.csi.ceph.com/encrypted"]

    /// - Throws: `CephError` with `.imageNotFound`; `Problem` with `image-not-found` if the image is in the trash.
    func requireFound(_ spec: ImageSpec) async throws {
        let (pool, name) = (try images.pool(spec.place), spec.image)
        do {
            _ = try await pool.image(named: name)
        } catch let error as CephError where error.code == .imageNotFound {
            let trashed = try await pool.trash(where: { $0 == name }).map(\.entry)
            guard let last = trashed.max(by: { $0.deletedAt < $1.deletedAt }) else { throw error }
            throw Problem(
                .imageNotFound,
                detail: "image \"\(spec)\" is in the trash",
                field: "image",
                errno: error.errno,
                remedy: .restore(spec.place.image(last.id))
            )
        }
    }

    /// Requires an image that may become a volume.
    func requireAdoptable(
        _ image: ImageInfo,
        _ spec: ImageSpec,
        _ request: AdoptImageRequest,
        in pool: Ceph.Pool
    ) async throws {
        if image.isBeingRemoved { throw Problem.beingRemoved(.image(spec), errno: nil) }
        guard !image.id.isEmpty else {
            throw VolumeRules.invalid(
                "image",
                "an image of the old format 1 has no id, which the journal needs",
                hint: "convert it to format 2: rbd migration prepare, then execute and commit"
            )
        }
        // ceph-csi joins the names of the pool and the image, and passes them to rbd.
        guard !image.name.contains(where: { "/@".contains($0) || $0.isNewline }) else {
            throw VolumeRules.invalid("image", "ceph-csi can't use an image of this name", hint: "rename it first")
        }
        guard !image.features.contains(.migrating) else {
            throw Problem(
                .imageMigrating,
                detail: "image \"\(spec)\" is being migrated, and gets another id",
                field: "image",
                hint: "end the migration: rbd migration commit or rbd migration abort"
            )
        }
        let details = try await pool.details(.mirroring, ofImage: image.name, id: image.id)
        if details.mirroring?.isPrimary == false {
            throw Ceph.ImageMirroring.refusal(.changeImage, on: .image(spec))
        }
        let isEncrypted = Self.encryptionKeys.contains { image.metadata?[$0].map { !$0.isEmpty } ?? false }
        guard !isEncrypted || request.encryptionKMSID != nil else {
            throw VolumeRules.invalid(
                "encryptionKmsId",
                "it is missing: ceph-csi has encrypted the image",
                hint: "name the key management service that has the image's passphrase"
            )
        }
    }

    /// Requires that an image is not adopted for another claim.
    static func requireSame(_ adoption: Adoption, _ request: AdoptImageRequest, _ spec: ImageSpec) throws {
        let then = adoption.request
        let claim = "\(request.claimNamespace)/\(request.claimName)"
        let terms: [(field: String, requested: String, actual: String)] = [
            ("claimName", claim, adoption.claim), ("claimUid", request.claimUID ?? "", then.claimUID ?? ""),
            ("static", "\(request.isStatic ?? false)", "\(then.isStatic ?? false)"),
            ("instance", request.instance ?? VolumeJournal.usualInstance, adoption.instance),
            ("encryptionKmsId", request.encryptionKMSID ?? "", then.encryptionKMSID ?? ""),
            ("encryptionType", request.encryptionType ?? "block", then.encryptionType ?? "block"),
        ]
        let differences = terms.filter { $0.requested != $0.actual }.map {
            Problem.Difference(field: $0.field, requested: $0.requested, actual: $0.actual)
        }
        guard differences.isEmpty, adoption.imageName == spec.image else {
            throw Problem.adopted(spec, as: adoption, differences)
        }
    }

    /// Requires that nothing else has the image, and no other image has the claim.
    func requireFree(_ adoption: Adoption, _ image: ImageInfo, _ spec: ImageSpec, in pool: Ceph.Pool) async throws {
        // The journal has the name of such an image. So this is found first: the problem says more.
        if let former = try await AdoptionStore(pool).adoption(ofImageNamed: image.name)?.adoption {
            try await requireGone(former, for: spec, in: pool)
            throw Problem.adopted(spec, as: former, [])
        }
        try await requireUnowned(image, spec, adoption, isNew: true, in: pool)
        try await AdoptionStore(pool).requireFree(adoption)
        guard let uuid = adoption.uuid else { return }
        let journal = VolumeJournal(pool, instance: adoption.instance)
        for kind in JournalKind.allCases {
            guard try await journal.entry(kind, uuid: uuid) == nil else { throw Problem.uuidTaken(spec, kind, uuid) }
        }
        guard try await journal.value(ofRequest: adoption.requestName) == nil else {
            throw Problem.claimTaken(adoption)
        }
    }

    /// Requires that the image belongs to no entry of the journal.
    /// - Parameter isNew: whether the adoption can't have an entry yet. Otherwise its own entry is no obstacle.
    func requireUnowned(
        _ image: ImageInfo,
        _ spec: ImageSpec,
        _ adoption: Adoption,
        isNew: Bool,
        in pool: Ceph.Pool
    ) async throws {
        let search = JournalSearch(pool, instance: adoption.instance)
        guard let owner = try await search.owner(of: image) else { return }
        if !isNew, owner.kind == .volumes, owner.role == .image, owner.uuid == adoption.uuid { return }
        throw Problem.owned(spec, by: owner)
    }

    /// Requires that the image of an adoption no longer exists. Its former name may be another image's now.
    /// - Throws: `Problem` with `volume-owned` if it was renamed.
    func requireGone(_ adoption: Adoption, for spec: ImageSpec, in pool: Ceph.Pool) async throws {
        do {
            let image = try await pool.image(id: adoption.imageID)
            throw Problem.renamed(spec, to: spec.place.image(image.name))
        } catch let error as CephError where error.code == .imageNotFound {
            // Also if it is in the trash.
        }
    }

    /// Writes an adoption, and what is missing of its entries. The adoption is stored first: whatever happens then, the
    /// entries can be told from those of others.
    func write(
        _ adoption: Adoption,
        replacing known: StoredAdoption?,
        _ spec: ImageSpec,
        in pool: Ceph.Pool
    ) async throws {
        let store = AdoptionStore(pool)
        var adoption = adoption
        // A complete adoption may be in use, so nothing of it is taken back.
        let isRevocable = !adoption.isComplete
        let stored = try await store.save(adoption, replacing: known)
        if let uuid = adoption.uuid {
            do {
                if try await enter(adoption, uuid, spec, in: pool) { adoption.hasMadeDirectory = true }
            } catch let problem as Problem {
                // Somebody else was faster.
                if isRevocable, try await withdraw(adoption, uuid, in: pool) { try await store.remove(stored) }
                throw problem
            }
        }
        adoption.isComplete = true
        if stored.adoption != adoption { _ = try await store.save(adoption, replacing: stored) }
    }

    /// Enters a volume into the journal, in the order of ceph-csi: first its own entry, which reserves the UUID, then
    /// the request.
    /// - Returns: whether the directory was created.
    /// - Throws: `Problem` with `volume-owned` or `claim-taken`.
    private func enter(
        _ adoption: Adoption,
        _ uuid: String,
        _ spec: ImageSpec,
        in pool: Ceph.Pool
    ) async throws -> Bool {
        let journal = VolumeJournal(pool, instance: adoption.instance)
        if try await !journal.create(adoption.entry, uuid: uuid) {
            let found = try await journal.entry(.volumes, uuid: uuid)?.entry
            guard found.map(adoption.hasWritten) == true else { throw Problem.uuidTaken(spec, .volumes, uuid) }
        }
        switch try await journal.list(adoption.requestName, uuid: uuid) {
        case .first: return true
        case .added, .present: return false
        case .taken: throw Problem.claimTaken(adoption)
        }
    }

    /// Removes the entry of an adoption that was refused, unless the directory lists it.
    /// - Returns: whether nothing of the adoption is left in the journal.
    private func withdraw(_ adoption: Adoption, _ uuid: String, in pool: Ceph.Pool) async throws -> Bool {
        let journal = VolumeJournal(pool, instance: adoption.instance)
        guard try await journal.value(ofRequest: adoption.requestName) != uuid else { return false }
        guard let found = try await journal.entry(.volumes, uuid: uuid), adoption.hasWritten(found.entry) else {
            return true
        }
        guard found.entry.otherKeys.isEmpty else { return false }
        return try await journal.remove(found, uuid: uuid)
    }
}

extension AdoptImageRequest {
    /// - Throws: `Problem` with `invalid-persistent-volume`.
    func check() throws(Problem) {
        try checkClaim()
        // It becomes a part of the PersistentVolume's name, which has no capital letters.
        if let claimUID, !VolumeUUID.isValid(claimUID) || claimUID != claimUID.lowercased() {
            throw VolumeRules.invalid("claimUid", "it is not a UUID in lower case")
        }
        if let instance, !KubernetesName.isSubdomain(instance) {
            throw VolumeRules.invalid("instance", "it is not the name of an instance of ceph-csi")
        }
        guard encryptionType.map({ ["block", "file"].contains($0) }) ?? true else {
            throw VolumeRules.invalid("encryptionType", "it must be block or file")
        }
        guard encryptionKMSID?.isEmpty != true, encryptionKMSID != nil || encryptionType == nil else {
            throw VolumeRules.invalid("encryptionKmsId", "it is missing")
        }
        if encryptionKMSID?.unicodeScalars.contains("\0") == true {
            throw VolumeRules.invalid("encryptionKmsId", "it contains a zero byte")
        }
        guard isStatic != true || encryptionKMSID == nil else {
            throw VolumeRules.invalid("encryptionKmsId", "a static volume has no passphrase in ceph-csi's journal")
        }
    }

    /// - Throws: `Problem` with `invalid-persistent-volume`.
    private func checkClaim() throws(Problem) {
        guard KubernetesName.isLabel(claimNamespace) else {
            throw VolumeRules.invalid("claimNamespace", "it is not the name of a namespace")
        }
        guard KubernetesName.isSubdomain(claimName) else {
            throw VolumeRules.invalid("claimName", "it is not the name of a claim")
        }
    }

    /// The parameters of a query that replace fields of the request.
    static let parameters: Set<String> = [
        "claimNamespace", "claimName", "instance", "clusterId", "driver", "storageClass", "nodeStageSecret",
        "controllerExpandSecret", "fsType", "volumeMode", "accessModes",
    ]

    /// The request with what a query says instead.
    /// - Throws: `Problem` with `invalid-persistent-volume` if the query names no valid claim.
    func replacing(_ query: Query) throws(Problem) -> AdoptImageRequest {
        var request = self
        request.claimNamespace = query["claimNamespace"] ?? claimNamespace
        request.claimName = query["claimName"] ?? claimName
        request.instance = query["instance"] ?? instance
        request.clusterID = query["clusterId"] ?? clusterID
        request.driver = query["driver"] ?? driver
        request.storageClass = query["storageClass"] ?? storageClass
        request.nodeStageSecret = query["nodeStageSecret"] ?? nodeStageSecret
        request.controllerExpandSecret = query["controllerExpandSecret"] ?? controllerExpandSecret
        request.fsType = query["fsType"] ?? fsType
        request.volumeMode = query["volumeMode"] ?? volumeMode
        request.accessModes = query["accessModes"].map { $0.split(separator: ",").map(String.init) } ?? accessModes
        if query["claimNamespace"] != nil || query["claimName"] != nil { try request.checkClaim() }
        // The UID is that of one claim.
        if request.claimNamespace != claimNamespace || request.claimName != claimName { request.claimUID = nil }
        return request
    }
}
