// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Room for an answer of which it is not known how large it is. The functions of librados and librbd answer -ERANGE where it is too
/// little, and most of them say what they need.
enum GrowingRoom {
    /// No answer is as large: something is wrong with a call that asks for more.
    private static let mostBytes = 1 << 28

    /// Makes a call again, with more room each time, for as long as there is too little.
    /// - Parameters:
    ///   - count: for how many elements there is room at first.
    ///   - call: is given the room, which is all zeros, and its size in elements, which it may set to what it needs.
    ///   - read: takes what is there, or throws: the size as the call has left it, and the call's result.
    /// - Throws: what `read` throws; it gets -ERANGE where even the largest room was too little.
    static func fill<Element: BitwiseCopyable, Value>(
        from count: Int,
        with call: (_ room: UnsafeMutablePointer<Element>, _ size: inout Int) -> CInt,
        then read: (_ room: UnsafeMutablePointer<Element>, _ size: Int, _ result: CInt) throws(CephError) -> Value
    ) throws(CephError) -> Value {
        let most = mostBytes / MemoryLayout<Element>.stride
        var capacity = count
        while true {
            // One element more than the call is told, so that a text always has its terminating zero.
            let room = UnsafeMutablePointer<Element>.allocate(capacity: capacity + 1)
            defer { room.deallocate() }
            memset(room, 0, (capacity + 1) * MemoryLayout<Element>.stride)
            var size = capacity
            let result = call(room, &size)
            guard result == -ERANGE, capacity < most else { return try read(room, size, result) }
            // What there is may grow meanwhile.
            let needed = min(max(0, size), most)
            capacity = min(max(needed + needed / 4 + 1, 2 * capacity), most)
        }
    }

    /// Texts one after another, each with its terminating zero.
    /// - Parameter bytes: how many there are of all, the zeros included.
    static func texts(_ room: UnsafePointer<CChar>, bytes: Int) -> [String] {
        UnsafeBufferPointer(start: room, count: bytes).split(separator: 0)
            .map { String(decoding: $0.lazy.map(UInt8.init(bitPattern:)), as: UTF8.self) }
    }
}
