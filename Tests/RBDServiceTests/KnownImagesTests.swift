// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import Testing

@testable import RBDService

/// What the controller remembers of images, without Ceph.
struct KnownImagesTests {
    private let spec = ImageSpec(pool: "rbd", image: "data")
    private let image = KnownImages.Image(id: "a1", sizeBytes: 1 << 30)

    @Test func aVolumeHasTheImageThatItWasSeenWith() {
        let known = KnownImages()
        known.note(spec, image, for: ["u1"])
        #expect(known.image(spec, of: "u1") == image)
        #expect(known.seenID("u1") == "a1")
        // A later volume of the same name: somebody may have removed the image before.
        #expect(known.image(spec, of: "u2") == nil)
        #expect(known.seenID("u2") == nil)
    }

    @Test func anotherImageOfTheSameNameIsReadAgain() {
        let known = KnownImages()
        known.note(spec, image, for: ["u1", "u2"])
        known.note(spec, KnownImages.Image(id: "b2", sizeBytes: 1 << 30), for: ["u1"])
        #expect(known.image(spec, of: "u1")?.id == "b2")
        #expect(known.image(spec, of: "u2") == nil)
        #expect(known.seenID("u2") == "a1")
    }

    @Test func aVolumeIsRememberedLongerThanItsImage() {
        let known = KnownImages()
        known.note(spec, image, for: ["u1"])
        known.forget(spec)
        #expect(known.image(spec, of: "u1") == nil)
        #expect(known.seenID("u1") == "a1")
        known.forget(uid: "u1")
        #expect(known.seenID("u1") == nil)
    }

    @Test func onlyWhatIsNeededIsKept() {
        let known = KnownImages()
        let other = ImageSpec(pool: "rbd", image: "other")
        known.note(spec, image, for: ["u1"])
        known.note(other, image, for: ["u2"])
        known.keepOnly([other], ["u2"])
        #expect(known.image(spec, of: "u1") == nil)
        #expect(known.seenID("u1") == nil)
        #expect(known.image(other, of: "u2") == image)
    }

    /// An image of the old format has no id by which it could be told from another one.
    @Test func anImageWithoutAnIDIsReadEachTime() {
        let known = KnownImages()
        known.note(spec, KnownImages.Image(id: "", sizeBytes: 1), for: ["u1"])
        #expect(known.image(spec, of: "u1") == nil)
        #expect(known.seenID("u1") == nil)
    }
}
