// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RBDService

struct QuantityTests {
    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("1073741824", 1_073_741_824), ("+5", 5), ("-0", 0), ("007", 7),
            ("1Ki", 1024), ("1Mi", 1 << 20), ("1Gi", 1 << 30), ("1Ti", 1 << 40), ("1Pi", 1 << 50), ("1Ei", 1 << 60),
            ("1k", 1000), ("1M", 1_000_000), ("1G", 1_000_000_000), ("1T", 1_000_000_000_000),
            ("1P", 1_000_000_000_000_000), ("1E", 1_000_000_000_000_000_000),
            ("1e9", 1_000_000_000), ("1E9", 1_000_000_000), ("1e+3", 1000), ("15e-1", 2), ("1e0", 1),
            ("1.5Gi", 1_610_612_736), (".5Gi", 536_870_912), ("5.", 5), ("0.5", 1), ("1.25e3", 1250), ("1.0000", 1),
            // Quantities are rounded up, never down.
            ("1500m", 2), ("1000m", 1), ("1m", 1), ("1u", 1), ("1n", 1), ("999999999n", 1), ("1000000001n", 2),
            ("0.1Gi", 107_374_183), ("0.1Ki", 103), ("1.1", 2), ("0.0000000000000000000000001", 1),
            // Large values are exact to the last digit.
            ("9223372036854775807", .max), ("9223372036854775806.5", .max),
            ("7.99999999999999999Ei", 9_223_372_036_854_775_797),
            ("9007199254740993", 9_007_199_254_740_993), ("1e-400", 1), ("0e999999999", 0),
            ("00000000000000000000001Gi", 1 << 30),
        ] as [(String, Int64)]
    )
    func aQuantityIsExact(text: String, bytes: Int64) throws {
        #expect(try Quantity(parsing: text).bytes == UInt64(bytes))
    }

    @Test(
        arguments: [
            "", " ", "Gi", ".", "+", "-", "1 Gi", " 1", "1Gi ", "1gi", "1GI", "1g", "1K", "1ki", "1GiB", "1GB", "1B",
            "one", "1e",
            "1e1.5", "1ee1", "e3", "1.2.3", "0x10", "1_000", "1,5Gi", "Infinity", "NaN", "１Gi", "1G\u{0}", "--1", "+-1",
            "1e++1",
        ]
    )
    func whatIsNoneIsRefused(text: String) {
        let error = #expect(throws: Quantity.ParseError.self) { try Quantity(parsing: text) }
        #expect(error?.reason.contains("10Gi") == true)
    }

    @Test(
        arguments: [
            ("-1", "is negative"), ("-1n", "is negative"), ("8Ei", "more than"),
            ("9223372036854775808", "more than"),
            ("9223372036854775807.1", "more than"), ("10E", "more than"), ("1e19", "more than"),
            ("1e999999999", "more than"),
            ("99999999999999999999Ei", "more than"), (String(repeating: "9", count: 300), "digits"),
        ]
    )
    func whatCanBeNoSizeSaysWhy(text: String, reason: String) {
        let error = #expect(throws: Quantity.ParseError.self) { try Quantity(parsing: text) }
        #expect(error?.reason.contains(reason) == true)
    }
}
