// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import Testing

@testable import Ceph

struct NamesTests {
    @Test(arguments: ["a", "vol-1", "A.b_c-9", "0", "kubernetes-dynamic-pvc-0d1f", String(repeating: "x", count: 95)])
    func allowed(name: String) {
        #expect(Names.objection(to: name) == nil)
    }

    @Test(
        arguments: [
            ("", "is empty"),
            (String(repeating: "x", count: 96), "96 bytes"),
            (String(repeating: "ü", count: 60), "120 bytes"),
            ("a/b", "\"/\""),
            ("a@b", "\"@\""),
            ("a b", "U+20"),
            ("a\nb", "U+A"),
            ("a%b", "\"%\""),
            ("vol-ü", "U+FC"),
            ("e\u{301}", "U+301"),
            (".", "begins with \".\""),
            ("..", "begins with \".\""),
            ("-rf", "begins with \"-\""),
            ("_x", "begins with \"_\""),
        ]
    )
    func refused(name: String, reason: String) throws {
        let objection = try #require(Names.objection(to: name))
        #expect(objection.contains(reason))
    }
}

struct ImageFeaturesTests {
    @Test func namesGoThereAndBack() {
        for name in ImageFeatures.creatable.names {
            #expect(ImageFeatures(named: name)?.names == [name])
        }
        #expect(ImageFeatures.creatable.names.count == 7)
        #expect(ImageFeatures(named: "turbo") == nil)
    }

    @Test func unknownBitsAreShown() {
        #expect(ImageFeatures(rawValue: 1 << 40 | 1).names == ["layering", "unknown-bit-40"])
    }

    @Test func bitsAreCephs() {
        // RBD's own default features: 61.
        let standard: ImageFeatures = [.layering, .exclusiveLock, .objectMap, .fastDiff, .deepFlatten]
        #expect(standard.rawValue == 61)
    }
}
