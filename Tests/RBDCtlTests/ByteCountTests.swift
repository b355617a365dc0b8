// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import RBDAPI
import Testing

@Suite struct ByteCountTests {
    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("10737418240", 10_737_418_240), ("512B", 512), ("512 B", 512),
            ("1KiB", 1024), ("1Ki", 1024), ("512MiB", 512 << 20), ("10GiB", 10 << 30), ("10 GiB", 10 << 30),
            ("10Gi", 10 << 30), ("1.5TiB", 3 << 39), ("1.50TiB", 3 << 39), ("0.5KiB", 512), ("1.0B", 1),
            ("2PiB", 2 << 50), ("7EiB", 7 << 60), ("7.5EiB", 15 << 59), ("0.0009765625KiB", 1),
            ("9223372036854775807", UInt64(Int64.max)), ("007", 7),
        ] as [(String, UInt64)]
    )
    func reads(text: String, bytes: UInt64) throws {
        #expect(try ByteCount(parsing: text).bytes == bytes)
    }

    @Test(arguments: [
        ("", "is not a size"), ("GiB", "is not a size"), ("-1", "is not a size"), ("-1GiB", "is not a size"),
        ("+1", "is not a size"), (" 1", "is not a size"), ("1 ", ""), ("1.", "is not a size"),
        (".5GiB", "is not a size"),
        ("1e9", "is not a size"), ("0x10", "is not a size"), ("1,5GiB", "is not a size"), ("1.5.5GiB", "is not a size"),
        ("1GiBs", "is not a size"), ("1gib", "is not a size"), ("１GiB", "is not a size"), ("1\n", "is not a size"),
        ("10GB", "ambiguous"), ("10G", "ambiguous"), ("10k", "ambiguous"), ("1.5tb", "ambiguous"),
        ("0.1GiB", "not a whole number of bytes"), ("1.5", "not a whole number of bytes"),
        ("0.3B", "not a whole number of bytes"), ("1.00000000000000000001EiB", "not a whole number of bytes"),
        ("9223372036854775808", "largest"), ("8EiB", "largest"), ("7.99999999999999999EiB", "not a whole"),
        ("18446744073709551616", "largest"), ("99999999999999999999999", "largest"), ("8388608TiB", "largest"),
    ])
    func refuses(text: String, reason: String) {
        // "1 " is the number 1 followed by an empty unit. Its blank is the only one that is accepted.
        if text == "1 " {
            #expect((try? ByteCount(parsing: text))?.bytes == 1)
            return
        }
        let error = #expect(throws: ByteCount.ParseError.self) { _ = try ByteCount(parsing: text) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test(
        arguments: [
            (0, "0"), (1, "1"), (1000, "1000"), (1024, "1KiB"), (1536, "1536"), (10 << 30, "10GiB"),
            (3 << 39, "1536GiB"),
            (1 << 60, "1EiB"), (UInt64(Int64.max), "9223372036854775807"), (1 << 63, "8EiB"),
            (.max, "18446744073709551615"),
        ] as [(UInt64, String)]
    )
    func describesExactly(bytes: UInt64, text: String) throws {
        #expect(ByteCount(bytes).description == text)
        if bytes <= ByteCount.maximum { #expect(try ByteCount(parsing: text).bytes == bytes) }
    }

    @Test(
        arguments: [
            (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1 KiB"), (1075, "1 KiB"), (1076, "1.1 KiB"),
            (1536, "1.5 KiB"), (123_456_789, "117.7 MiB"), (10 << 30, "10 GiB"), ((10 << 30) + 1, "10 GiB"),
            (3 << 39, "1.5 TiB"), ((2 << 30) - 1, "2 GiB"), (UInt64(Int64.max), "8 EiB"), (.max, "16 EiB"),
        ] as [(UInt64, String)]
    )
    func roundsToOneDecimal(bytes: UInt64, text: String) {
        #expect(ByteCount(bytes).rounded == text)
    }

    @Test(arguments: ["1024", #""1KiB""#, #""1Ki""#, #""1024""#])
    func isReadFromNumbersAndTexts(json: String) throws {
        #expect(try JSONDecoder().decode([ByteCount].self, from: Data("[\(json)]".utf8)) == [ByteCount(1024)])
    }

    @Test(arguments: ["-1", "1.5", "true", "null", "[]", "{}", "9223372036854775808", "1e30", #""10GB""#, #""""#])
    func isNotReadFrom(json: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([ByteCount].self, from: Data("[\(json)]".utf8))
        }
    }

    @Test func isWrittenAsANumber() throws {
        let json = try JSONEncoder().encode([ByteCount(.max), ByteCount(10 << 30)])
        #expect(String(decoding: json, as: UTF8.self) == "[18446744073709551615,10737418240]")
    }
}
