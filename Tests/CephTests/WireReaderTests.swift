// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ceph

struct WireReaderTests {
    private func read<Value>(_ bytes: [UInt8], _ body: (inout WireReader) -> Value) -> Value {
        bytes.withUnsafeBytes { buffer in
            var reader = WireReader(buffer)
            return body(&reader)
        }
    }

    @Test func integersAreLittleEndian() {
        #expect(
            read([0x16, 0, 0, 0, 0x40, 0, 0, 0, 0]) { ($0.integer(UInt8.self), $0.integer(UInt64.self)) } == (
                0x16, 1 << 30
            )
        )
    }

    @Test func stringsCarryTheirLength() {
        #expect(read([2, 0, 0, 0, 0x61, 0x62]) { $0.string() } == "ab")
        #expect(read([3, 0, 0, 0, 0x61, 0x62]) { $0.string() } == nil)
        #expect(read([255, 255, 255, 255, 0x61]) { $0.string() } == nil)
    }

    @Test func nothingIsReadPastTheEnd() {
        read([1, 2]) { reader in
            #expect(reader.integer(UInt32.self) == nil)
            // After a failure, the reader returns nothing more, because the layout is not the expected one.
            #expect(reader.integer(UInt8.self) == nil)
            #expect(reader.string() == nil)
            #expect(reader.enterFrame() == nil)
        }
    }

    @Test func framesAreEnteredOrSkipped() {
        read([1, 1, 2, 0, 0, 0, 7, 8, 9]) { reader in
            #expect(reader.skipFrame() != nil)
            #expect(reader.integer(UInt8.self) == 9)
        }
        read([1, 1, 2, 0, 0, 0, 7]) { reader in
            #expect(reader.skipFrame() == nil)
        }
    }
}
