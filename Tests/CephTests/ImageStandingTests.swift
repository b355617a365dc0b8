// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ceph

/// The state that directory, `rbd_id`, header and trash give together.
struct ImageStandingTests {
    private func trace(_ id: String, header: Bool = true, trash source: TrashEntry.Source? = nil) -> ImageStanding.Trace
    {
        let entry = source.map { source in
            TrashEntry(
                id: id,
                name: RawName("v"),
                source: source,
                deletedAt: ClusterTime(seconds: 1),
                deferredUntil: ClusterTime(seconds: 2)
            )
        }
        return ImageStanding.Trace(id: id, directoryName: RawName("v"), headerVersion: header ? 1 : nil, trash: entry)
    }

    private func state(_ image: ImageStanding.Trace?, _ nameObject: ImageStanding.Trace?) -> ImageStanding.State {
        ImageStanding(name: RawName("v"), image: image, nameObject: nameObject).state
    }

    @Test func theDirectoryDecidesWhoHasTheName() {
        #expect(state(nil, nil) == .free)
        #expect(state(trace("a"), trace("a")) == .whole)
        #expect(state(trace("a"), nil) == .withoutNameObject)
        #expect(state(trace("a"), trace("b")) == .contradictory)
        #expect(state(nil, trace("a")) == .strayNameObject)
    }

    @Test func anImageInTheTrashHasNoName() {
        #expect(state(trace("a", trash: .user), trace("a")) == .halfTrashed)
        #expect(state(trace("a", trash: .user), nil) == .halfTrashed)
        #expect(state(trace("a", trash: .removing), trace("a")) == .beingRemoved)
        // The state is the same if the header is already gone.
        #expect(state(trace("a", header: false, trash: .removing), nil) == .beingRemoved)
    }

    @Test func withoutAHeaderThereIsNoImage() {
        #expect(state(trace("a", header: false), trace("a", header: false)) == .withoutHeader)
        #expect(state(trace("a", header: false), nil) == .withoutHeader)
    }
}
