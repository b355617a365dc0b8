// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ceph

struct NameRangeTests {
    @Test func rangesAreInOrderAndNoneIsWithinAnother() {
        let ranges = [
            NameRange(prefix: "pvc-"), NameRange(name: "pvc-1"), NameRange(name: "a"), NameRange(prefix: "pvc-2"),
            NameRange(name: "pvc"), NameRange(name: "b"), NameRange(prefix: "b"), NameRange(prefix: "é"),
        ]
        #expect(
            NameRange.ordered(ranges) == [
                NameRange(name: "a"), NameRange(prefix: "b"), NameRange(name: "pvc"), NameRange(prefix: "pvc-"),
                NameRange(prefix: "é"),
            ]
        )
        #expect(NameRange.ordered(ranges + [NameRange(prefix: "")]) == [NameRange(prefix: "")])
    }

    @Test(
        arguments: [
            (NameRange(prefix: "pvc-"), NameRange(prefix: "p"), NameRange(prefix: "pvc-")),
            (NameRange(prefix: "p"), NameRange(prefix: "pvc-"), NameRange(prefix: "pvc-")),
            (NameRange(name: "pvc-1"), NameRange(prefix: "pvc-"), NameRange(name: "pvc-1")),
            (NameRange(name: "p"), NameRange(name: "p"), NameRange(name: "p")),
            (NameRange(name: "p"), NameRange(prefix: "pvc-"), nil),
            (NameRange(prefix: "a"), NameRange(prefix: "b"), nil),
            (NameRange(name: "a"), NameRange(name: "b"), nil),
        ] as [(NameRange, NameRange, NameRange?)]
    )
    func whatTwoHaveInCommon(one: NameRange, other: NameRange, common: NameRange?) {
        #expect(one.intersection(other) == common)
        #expect(other.intersection(one) == common)
    }

    @Test func namesStandBeforeItWithinItOrAfterIt() {
        let prefix = NameRange(prefix: "b")
        let places = ["", "a", "b", "bzz", "c"].map { prefix.place(of: $0.utf8) }
        #expect(places == [.before, .before, .within, .within, .after])
        let name = NameRange(name: "b")
        #expect(["a", "b", "ba"].map { name.place(of: $0.utf8) } == [.before, .within, .after])
    }
}
