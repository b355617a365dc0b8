// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Makes existing images volumes of ceph-csi, and takes that back. Nothing is renamed, copied or opened for writing:
/// the image itself is never changed.
struct AdoptionService: Sendable {
    let rules: VolumeRules
    let images: ImageAccess

    private func fsid() throws -> String { try images.connection.cluster().fsid }

    // MARK: Adopting

    /// Makes an image a volume. A repeated request has the same answer.
    /// - Returns: the volume, and whether this request has made it one.
    func adopt(
        _ spec: ImageSpec,
        _ request: AdoptImageRequest,
        isDryRun: Bool
    ) async throws -> Attempt<(volume: KubernetesVolume, isNew: Bool)> {
        // What the caller may not see appears not to exist, whatever else is wrong with the request.
        try await requireFound(spec)
        try rules.requireAllowed(pool: spec.pool)
        try request.check()
        let terms = try VolumeTerms(request, rules, in: spec.place, fsid: fsid)
        return try await images.changing(spec.image, in: spec.place, isQuiet: true, isDryRun: isDryRun) { image in
            try await adopt(image, spec, request, terms, isDryRun: isDryRun)
        }
    }

    private func adopt(
        _ image: ImageInfo,
        _ spec: ImageSpec,
        _ request: AdoptImageRequest,
        _ terms: VolumeTerms,
        isDryRun: Bool
    ) async throws -> Attempt<(volume: KubernetesVolume, isNew: Bool)> {
        let pool = try images.pool(spec.place)
        try await requireAdoptable(image, spec, request, in: pool)
        let known = try await AdoptionStore(pool).adoption(ofImageID: image.id)
        var adoption: Adoption
        if let known {
            try Self.requireSame(known.adoption, request, spec)
            adoption = known.adoption
            // How Kubernetes names things may change: the journal has nothing of it.
            adoption.request = request
            // Since the interruption, something else may have got the image.
            if !adoption.isComplete { try await requireUnowned(image, spec, adoption, isNew: false, in: pool) }
        } else {
            adoption = try await newAdoption(image, request, in: pool)
            try await requireFree(adoption, image, spec, in: pool)
        }
        let volume = try await describe(adoption, terms, in: pool)
        let isNew = known?.adoption.isComplete != true
        guard !isDryRun else {
            if !isNew { return Attempt([]) }
            return Attempt(Self.step(adoption, volume, spec))
        }
        try await write(adoption, replacing: known, spec, in: pool)
        return .done((volume.objects(image, spec, terms), isNew))
    }

    private static func step(_ adoption: Adoption, _ volume: VolumeDescription, _ spec: ImageSpec) -> Plan.Step {
        let what = volume.handle.map { "the volume \($0)" } ?? "a static volume"
        return Plan.Step(.adoptImage, spec.description, detail: "as \(what) for the claim \(adoption.claim)")
    }

    private func newAdoption(
        _ image: ImageInfo,
        _ request: AdoptImageRequest,
        in pool: Ceph.Pool
    ) async throws -> Adoption {
        let claim =
            request.claimUID ?? DerivedUUID.claim(namespace: request.claimNamespace, name: request.claimName)
        var adoption = Adoption(
            imageName: image.name,
            imageID: image.id,
            uuid: nil,
            requestName: "pvc-\(claim)",
            request: request
        )
        guard request.isStatic != true else { return adoption }
        adoption.hasMadeDirectory = try await !VolumeJournal(pool, instance: adoption.instance).hasDirectory()
        // With the UUID at the end of its name, ceph-csi can delete the image later.
        if let uuid = VolumeUUID.suffix(of: image.name) {
            adoption.uuid = uuid
        } else {
            adoption.uuid = DerivedUUID.volume(
                fsid: pool.cluster.fsid,
                poolID: try await pool.id(),
                namespace: pool.namespace,
                imageID: image.id
            )
        }
        return adoption
    }

    /// - Throws: `Problem` with `invalid-persistent-volume` if the handle would be too long.
    private func describe(
        _ adoption: Adoption,
        _ terms: VolumeTerms,
        in pool: Ceph.Pool
    ) async throws -> VolumeDescription {
        let request = adoption.request
        var volume = VolumeDescription(
            name: adoption.requestName,
            origin: adoption.uuid == nil ? .static : .adopted,
            uuid: adoption.uuid,
            claim: .init(namespace: request.claimNamespace, name: request.claimName, uid: request.claimUID),
            encryptionKMS: adoption.entry.encryptionKMS,
            encryptionType: adoption.entry.encryptionType
        )
        if let uuid = adoption.uuid {
            volume.handle = try await Self.handle(uuid, terms, in: pool)
        }
        return volume
    }

    private static func handle(_ uuid: String, _ terms: VolumeTerms, in pool: Ceph.Pool) async throws -> VolumeHandle {
        guard let handle = VolumeHandle(clusterID: terms.clusterID, poolID: try await pool.id(), uuid: uuid) else {
            throw VolumeRules.invalid("clusterId", "it is too long for the handle of a volume")
        }
        return handle
    }

    // MARK: The manifest

    /// The volume that an image is.
    /// - Parameter query: replaces what the adoption was told, and tells what ceph-csi has not written into Ceph.
    /// - Throws: `Problem` with `volume-not-found`.
    func volume(of spec: ImageSpec, _ query: Query) async throws -> KubernetesVolume {
        let pool = try images.pool(spec.place)
        let image = try await pool.image(named: spec.image)
        if var known = try await AdoptionStore(pool).adoption(ofImageID: image.id)?.adoption {
            guard known.isComplete else { throw Problem.interrupted(spec) }
            known.request = try known.request.replacing(query)
            let terms = try VolumeTerms(known.request, rules, in: spec.place, fsid: fsid)
            var volume = try await describe(known, terms, in: pool)
            if known.imageName != image.name { volume.warnings.append(Self.renamed(known.imageName, spec)) }
            return volume.objects(image, spec, terms)
        }
        let request = try AdoptImageRequest(claimNamespace: "", claimName: "").replacing(query)
        let journal = VolumeJournal(pool, instance: request.instance ?? VolumeJournal.usualInstance)
        guard let owner = try await JournalSearch(pool, instance: journal.instance).owner(of: image),
            owner.kind == .volumes, owner.role == .image,
            let entry = try await journal.entry(.volumes, uuid: owner.uuid)?.entry
        else { throw Problem.notAVolume(spec) }
        let terms = try VolumeTerms(request, rules, in: spec.place, fsid: fsid)
        let volume = try await describe(entry, owner.uuid, image, request, terms, in: pool)
        return volume.objects(image, spec, terms)
    }

    /// The warning that ceph-csi does not find an image. The former name may be out of the caller's scopes.
    private static func renamed(_ former: String, _ spec: ImageSpec) -> String {
        let name = Access.current.sees(spec.place.image(former)) ? " \"\(former)\"" : ""
        return "the journal has the image under its former name\(name), so ceph-csi does not find it: rename it back"
    }

    /// A volume that ceph-csi has made. With `--setmetadata`, ceph-csi writes the names of the objects to the image.
    private func describe(
        _ entry: JournalEntry,
        _ uuid: String,
        _ image: ImageInfo,
        _ request: AdoptImageRequest,
        _ terms: VolumeTerms,
        in pool: Ceph.Pool
    ) async throws -> VolumeDescription {
        func told(_ key: String) -> String? {
            image.metadata?["csi.storage.k8s.io/\(key)"].flatMap { $0.isEmpty ? nil : $0 }
        }
        let name = told("pv/name") ?? entry.requestName
        var volume = VolumeDescription(
            name: name.isEmpty ? "pvc-\(uuid)" : name,
            origin: .provisioned,
            uuid: uuid,
            handle: try await Self.handle(uuid, terms, in: pool),
            encryptionKMS: entry.encryptionKMS,
            encryptionType: entry.encryptionType
        )
        if name.isEmpty { volume.warnings.append("the journal has no name for the PersistentVolume") }
        if entry.imageName != image.name {
            volume.warnings.append(Self.renamed(entry.imageName, pool.place.image(image.name)))
        }
        if let id = entry.journalPoolID { volume.journalPool = try await pool.cluster.pool(id: id).name }
        let isGiven = !request.claimName.isEmpty
        if isGiven { try request.check() }
        let namespace = isGiven ? request.claimNamespace : told("pvc/namespace") ?? entry.owner
        if let namespace, let name = isGiven ? request.claimName : told("pvc/name") {
            volume.claim = .init(namespace: namespace, name: name)
        } else {
            volume.warnings.append("Ceph does not know the claim of the volume; name it to get its object, too")
        }
        return volume
    }
}
