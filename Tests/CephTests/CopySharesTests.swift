// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ceph

struct CopySharesTests {
    @Test(arguments: ["a", nil]) func whoCopiesAloneHasAllOfIt(caller: String?) {
        let shares = CopyShares()
        let copies = (0..<4).map { _ in shares.begin(for: caller) }
        for copy in copies { #expect(copy.part(of: 8) == 8) }
    }

    @Test func besideOthersTheCopiesOfOneCallerShareThePartOfOne() {
        let shares = CopyShares()
        let greedy = (0..<4).map { _ in shares.begin(for: "greedy") }
        var modest: CopyShares.Share? = shares.begin(for: "modest")
        #expect(greedy.map { $0.part(of: 8) } == [2, 2, 2, 2])
        #expect(modest?.part(of: 8) == 8)
        // The greedy caller always has copies in flight.
        let more = (0..<20).map { _ in shares.begin(for: "greedy") }
        #expect(more.map { $0.part(of: 8) } == Array(repeating: 1, count: 20))
        // A caller that copies one image after the other is remembered between the copies.
        modest = nil
        #expect(greedy.map { $0.part(of: 8) } == [1, 1, 1, 1])
        withExtendedLifetime(more) {}
    }
}
