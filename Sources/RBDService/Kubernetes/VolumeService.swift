// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Makes sure that a PersistentVolume's image exists. The admission webhook and the HTTP API, which `rbdctl kubernetes
/// prehook` uses, both use this.
struct VolumeService: Sendable {
    let rules: VolumeRules
    let images: ImageService
    /// Whether outcomes leave out that an image was created, or that it exists as the volume describes it.
    var isQuiet = false

    /// Creates the image if it is missing. An existing image is never changed.
    /// - Parameters:
    ///   - isDryRun: whether to only report what would be done.
    ///   - review: the review of the volume, which is not stored yet; nil if it is no review.
    ///   - authorize: called as soon as the image's name is known. It throws if the caller may not create the image.
    ///   - admit: called before the first request to the cluster.
    /// - Throws: `Problem`, in terms of the volume's fields, if the image can't be provided.
    func ensure(
        _ volume: PersistentVolume,
        isDryRun: Bool,
        review: VolumeReview? = nil,
        authorize: (VolumeDemand) throws -> Void = { _ in },
        admit: (VolumeDemand) async throws -> Void = { _ in }
    ) async throws -> VolumeOutcome {
        let demand = try rules.demand(of: volume) { try images.images.connection.cluster().fsid }
        guard let demand else {
            let warnings = rules.warnings(onSkipped: volume)
            return VolumeOutcome(volume: volume.name, outcome: .skipped, dryRun: isDryRun, warnings: warnings)
        }
        try authorize(demand)
        try rules.requireAllowed(demand)
        try await admit(demand)
        do {
            var outcome = try await ensure(demand, isDryRun: isDryRun, review)
            outcome.volume = volume.name
            outcome.warnings += await warnings(onNamesakesOf: demand)
            return outcome
        } catch let error as CephError {
            RequestNotes.current?.set(error)
            throw Problem(error).speaking(of: demand)
        } catch let problem as Problem {
            throw problem.speaking(of: demand)
        }
    }

    private func ensure(
        _ demand: VolumeDemand,
        isDryRun: Bool,
        _ review: VolumeReview?
    ) async throws -> VolumeOutcome {
        let (name, place) = (demand.image, demand.place)
        // Only the controller reads the marks.
        let isMarked = rules.hasController && !isDryRun
        let marking = isMarked ? try ReviewMarking(demand, for: review, images.images) : nil
        let earlier = try await marking?.arrive()
        let properties = ImageProperties(
            size: ByteCount(demand.sizeBytes),
            features: demand.features ?? VolumeDemand.plainFeatures
        )
        if let objection = demand.objectionToFeatures {
            // An existing image keeps its features, whatever the volume says.
            guard let image = try await complete(demand) else { throw objection }
            return try adopt(image, demand, isDryRun)
        }
        if isDryRun {
            if let image = try await images.images.existing(name, in: place), !image.isBeingRemoved {
                return try adopt(image, demand, isDryRun)
            }
            _ = try await images.put(name, properties, in: place, isDryRun: true)
            return created(
                demand,
                sizeBytes: demand.sizeBytes,
                features: properties.features ?? [],
                dataPool: nil,
                isDryRun
            )
        }
        let (image, isNew) = try await findOrCreate(demand, properties, marking, earlier)
        guard isNew else { return try adopt(image, demand, isDryRun) }
        AuditNotes.current?.after(AuditImage(image))
        return created(
            demand,
            sizeBytes: image.sizeBytes,
            features: image.features.names,
            dataPool: image.dataPool,
            isDryRun
        )
    }

    /// - Parameter earlier: the mark that the image has.
    private func findOrCreate(
        _ demand: VolumeDemand,
        _ properties: ImageProperties,
        _ marking: ReviewMarking?,
        _ earlier: StoredMark?
    ) async throws -> (image: ImageInfo, isNew: Bool) {
        guard let marking else { return try await images.findOrCreate(demand.image, properties, in: demand.place) }
        var announced: StoredMark?
        do {
            let found = try await images.findOrCreate(demand.image, properties, in: demand.place) {
                announced = try await marking.announce(over: earlier)
            }
            // The volume has its image. If this is not written, the controller only can't prove who has made it.
            if found.isNew {
                try? await marking.note(found.image)
            } else if let announced {
                try? await marking.withdraw(announced)
            }
            return found
        } catch {
            let isCertain = (error as? CephError).map { !$0.code.leavesDoubt } ?? (error is Problem)
            if let announced, isCertain { try? await marking.withdraw(announced) }
            throw error
        }
    }

    /// The volume's image, if it exists and is complete.
    private func complete(_ demand: VolumeDemand) async throws -> ImageInfo? {
        do {
            let image = try await images.images.existing(demand.image, in: demand.place)
            return image.flatMap { $0.isBeingRemoved ? nil : $0 }
        } catch let error as CephError where error.code == .imageIncomplete {
            return nil
        }
    }

    private func created(
        _ demand: VolumeDemand,
        sizeBytes: UInt64,
        features: [String],
        dataPool: String?,
        _ isDryRun: Bool
    ) -> VolumeOutcome {
        let spec = demand.place.image(demand.image).description
        let made = features.isEmpty ? "without features" : "features \(features.joined(separator: ","))"
        let told = "image \(spec) \(isDryRun ? "would be" : "was") created: \(sizeBytes) bytes, \(made)"
        return VolumeOutcome(
            volume: "",
            outcome: .created,
            dryRun: isDryRun,
            image: spec,
            sizeBytes: sizeBytes,
            features: features,
            warnings: (isQuiet ? [] : [told]) + demand.dataPoolWarnings(dataPool, isNew: true) + demand.warnings
        )
    }

    /// - Throws: `Problem` with `image-differs` if the image is too small.
    private func adopt(_ image: ImageInfo, _ demand: VolumeDemand, _ isDryRun: Bool) throws -> VolumeOutcome {
        let spec = demand.place.image(demand.image).description
        guard image.sizeBytes >= demand.sizeBytes else {
            let needed = ByteCount(demand.sizeBytes)
            let (requested, actual) = ("\(demand.sizeBytes)", "\(image.sizeBytes)")
            throw Problem(
                .imageDiffers,
                detail:
                    "image \(spec) exists already, but has only \(ByteCount(image.sizeBytes)); the volume needs \(needed)",
                field: VolumeDemand.Fields.size,
                hint: "enlarge the image with rbdctl image resize \(spec) \(needed), or write a smaller capacity",
                differences: [Problem.Difference(field: "size", requested: requested, actual: actual)]
            )
        }
        var found =
            "image \(spec) exists already and \(isDryRun ? "would be" : "is") used as it is: \(image.sizeBytes) bytes"
        let isLarger = image.sizeBytes > demand.sizeBytes
        if isLarger { found += ", more than the \(demand.sizeBytes) of the volume" }
        return VolumeOutcome(
            volume: "",
            outcome: .adopted,
            dryRun: isDryRun,
            image: spec,
            sizeBytes: image.sizeBytes,
            features: image.features.names,
            warnings: (isQuiet && !isLarger ? [] : [found]) + missing(image, demand, spec)
                + demand.dataPoolWarnings(image.dataPool, isNew: false) + demand.warnings
        )
    }

    /// Warns if the image's features differ from those that the volume names.
    private func missing(_ image: ImageInfo, _ demand: VolumeDemand, _ spec: String) -> [String] {
        guard let wanted = demand.features else { return [] }
        let there = image.features.intersection(.creatable).names
        let (missing, more) = (wanted.filter { !there.contains($0) }, there.filter { !wanted.contains($0) })
        var differences: [String] = []
        if !missing.isEmpty { differences.append("lacks \(missing.joined(separator: ","))") }
        if !more.isEmpty { differences.append("has \(more.joined(separator: ",")) as well") }
        if differences.isEmpty { return [] }
        return [
            "image \(spec) has other features than \(demand.fields.features) says: it \(differences.joined(separator: ", "))"
        ]
    }
}
