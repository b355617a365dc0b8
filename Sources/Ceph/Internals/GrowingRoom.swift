// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A buffer for an answer of unknown size. The functions of librados and librbd answer -ERANGE if it is too small, and
/// most of them say what size they need.
enum GrowingRoom {
    /// No valid answer is this large. A call that asks for more has a fault.
    private static let mostBytes = 1 << 28

    /// Repeats a call with a larger buffer each time, as long as the buffer is too small.
    /// - Parameters:
    ///   - count: the number of elements in the first buffer.
    ///   - call: gets the buffer, which is all zeros, and its size in elements, which it may set to the size that it
    ///     needs.
    ///   - read: gets the size that the call has set, and the result of the call. It reads the buffer, or throws.
    /// - Throws: what `read` throws; it gets -ERANGE if even the largest buffer was too small.
    static func fill<Element: BitwiseCopyable, Value>(
        from count: Int,
        with call: (_ room: UnsafeMutablePointer<Element>, _ size: inout Int) -> CInt,
        then read: (_ room: UnsafeMutablePointer<Element>, _ size: Int, _ result: CInt) throws(CephError) -> Value
    ) throws(CephError) -> Value {
        let most = mostBytes / MemoryLayout<Element>.stride
        var capacity = count
        while true {
            // One more element than the call knows of, so that a text always has its terminating zero.
            let room = UnsafeMutablePointer<Element>.allocate(capacity: capacity + 1)
            defer { room.deallocate() }
            memset(room, 0, (capacity + 1) * MemoryLayout<Element>.stride)
            var size = capacity
            let result = call(room, &size)
            guard result == -ERANGE, capacity < most else { return try read(room, size, result) }
            // The answer may grow between two calls.
            let needed = min(max(0, size), most)
            capacity = min(max(needed + needed / 4 + 1, 2 * capacity), most)
        }
    }

    /// Texts one after another, each with its terminating zero.
    /// - Parameter bytes: the size of all texts, including the zeros.
    static func texts(_ room: UnsafePointer<CChar>, bytes: Int) -> [String] {
        UnsafeBufferPointer(start: room, count: bytes).split(separator: 0)
            .map { String(decoding: $0.lazy.map(UInt8.init(bitPattern:)), as: UTF8.self) }
    }
}
