// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// A review of a new volume: the API server decides only after it whether the volume is stored.
struct VolumeReview: Hashable, Sendable {
    var volume: String
    var volumeUID: String
    /// The uid of the review.
    var uid: String
    /// The uid of the Lease of this service's controllers; nil if it is not known.
    var lease: String?
}

/// Keeps the mark of a volume's image up to date while the volume's image is found or made.
struct ReviewMarking: Sendable {
    private let marks: ReviewMarks
    private let images: ImageAccess
    private let demand: VolumeDemand
    /// Nil if it is no review: then the image is wanted, whether or not there is a volume yet.
    private let review: VolumeReview?

    private static let attempts = 5

    init(_ demand: VolumeDemand, for review: VolumeReview?, _ images: ImageAccess) throws {
        marks = ReviewMarks(try images.pool(demand.place))
        (self.demand, self.review, self.images) = (demand, review, images)
    }

    /// Writes down that another request is about the image, before it looks for the image. So the controller does not
    /// move the image to the trash, and if that has begun, the request waits for its end.
    /// - Returns: the mark; nil if there is none.
    /// - Throws: `Problem` with `change-in-progress`.
    func arrive() async throws -> StoredMark? {
        for _ in 0..<Self.attempts {
            guard let stored = try await marks.mark(ofImage: demand.image) else { return nil }
            if stored.mark?.isLeaving ?? false {
                try await images.takeBack(stored)
            } else if let next = stored.mark.flatMap({ following($0) }) {
                if let saved = try await marks.save(next, replacing: stored) { return saved }
            } else if try await marks.remove(stored) {
                return nil
            }
        }
        throw Problem(
            .changeInProgress,
            detail: "other requests about image \"\(demand.place.image(demand.image))\" keep coming",
            field: demand.fields.image,
            hint: "try again"
        )
    }

    /// - Returns: nil if the image must not be taken for one without a volume any more.
    private func following(_ mark: ReviewMark) -> ReviewMark? {
        guard let review, mark.lease == nil || review.lease == nil || mark.lease == review.lease else { return nil }
        var next = mark
        (next.volume, next.volumeUID, next.review) = (review.volume, review.volumeUID, review.uid)
        if mark.lease != review.lease { next.lease = nil }
        return next
    }

    private func first(_ review: VolumeReview) -> ReviewMark {
        ReviewMark(
            image: demand.image,
            volume: review.volume,
            volumeUID: review.volumeUID,
            review: review.uid,
            lease: review.lease,
            sizeBytes: demand.sizeBytes
        )
    }

    /// Writes down that the image is about to be made. If the process dies then, it is found all the same.
    /// - Returns: nil if there is nothing to write, or another review has just written the same.
    func announce(over earlier: StoredMark?) async throws -> StoredMark? {
        guard let review else { return nil }
        return try await marks.save(first(review), replacing: earlier)
    }

    /// Writes down which image was made.
    func note(_ image: ImageInfo) async throws {
        guard let review,
            let versions = try await images.pool(demand.place).versions(ofImage: image.fullName, id: image.id)
        else { return }
        // Another review may be about the same image.
        for _ in 0..<Self.attempts {
            let stored = try await marks.mark(ofImage: demand.image)
            var mark = stored?.mark ?? first(review)
            mark.sizeBytes = image.sizeBytes
            mark.made = ReviewMark.Made(id: image.id, versions: versions)
            mark.isLeaving = false
            if try await marks.save(mark, replacing: stored) != nil { return }
        }
    }

    /// The image was not made by this request.
    func withdraw(_ announced: StoredMark) async throws {
        _ = try await marks.remove(announced)
    }
}

extension ImageAccess {
    /// Takes back that an image is about to go to the trash, after the replica that wrote so has died. As long as it is
    /// at work, it has the claim.
    /// - Throws: `Problem` with `change-in-progress` while it is at work.
    func takeBack(_ stored: StoredMark) async throws {
        guard let leaving = stored.mark, leaving.isLeaving else { return }
        try await holding(leaving.image, in: stored.place, for: .changeImage, .changeImage) {
            (_: ImageStanding) async throws -> Void in
            var mark = leaving
            mark.isLeaving = false
            _ = try await ReviewMarks(pool(stored.place)).save(mark, replacing: stored)
        }
    }
}
