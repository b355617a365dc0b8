// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// Copies data from one open image to another, in pieces, with a limited number of pieces in flight.
///
/// librbd's own copies take as much memory as 64 of the image's objects, which may be 2 GiB, and can't be stopped.
final class DataCopy {
    /// A part of an image that exists, or that no longer exists.
    struct Extent {
        var offset: UInt64
        var length: UInt64
        var exists: Bool

        var end: UInt64 { offset + length }
    }

    /// The calls for one piece: first a read, then the writes of the data.
    private struct Piece {
        var buffer: UnsafeMutableRawPointer
        var offset: UInt64
        var length: Int
        var read: rbd_completion_t?
        var writes: [rbd_completion_t] = []
    }

    /// The target is still empty: zeros need not be written.
    var isFresh = true
    private let source: rbd_image_t
    private let target: rbd_image_t
    private let resource: CephError.Resource
    private let share: CopyShares.Share
    private var buffers: [UnsafeMutableRawPointer]
    private var free: [UnsafeMutableRawPointer]
    private var reading: [Piece] = []
    private var writing: [Piece] = []

    private static let pieceBytes = 2 << 20
    /// Runs of zeros of this length are not written, as in librbd's own copies.
    private static let blockBytes = 4096
    /// How much is zeroed at once: librbd sends one change for each object in it.
    private static let zeroedBytes: UInt64 = 64 << 20

    /// - Parameters:
    ///   - source: open, and set to the snapshot to read. Both images stay open longer than this object lives.
    ///   - bytes: how much data may be in flight if no other caller copies.
    init(
        from source: borrowing OpenImage,
        to target: borrowing OpenImage,
        bytes: Int,
        share: CopyShares.Share,
        on resource: CephError.Resource
    ) {
        self.share = share
        (self.source, self.target, self.resource) = (source.pointer, target.pointer, resource)
        buffers = (0..<max(2, bytes / Self.pieceBytes)).map { _ in
            .allocate(byteCount: Self.pieceBytes, alignment: Self.blockBytes)
        }
        free = buffers
    }

    /// Waits for the calls in flight, because librbd still uses the buffers.
    deinit {
        for piece in reading + writing {
            for completion in piece.writes + [piece.read].compactMap(\.self) {
                rbd_aio_wait_for_complete(completion)
                rbd_aio_release(completion)
            }
        }
        for buffer in buffers { buffer.deallocate() }
    }

    /// Copies an extent, or removes the target's data there. It returns as soon as there is room for more.
    /// - Parameter advance: called after each piece with the offset up to which the extent is copied. It may throw to
    ///   end the copy.
    /// - Throws: `CephError`.
    /// - C function: rbd_aio_read, rbd_aio_write, rbd_aio_write_zeroes
    func copy(
        _ extent: Extent,
        advance: (UInt64) throws(CephError) -> Void
    ) throws(CephError) {
        var offset = extent.offset
        while offset < extent.end {
            let length = min(extent.exists ? UInt64(Self.pieceBytes) : Self.zeroedBytes, extent.end - offset)
            if extent.exists {
                try move(at: offset, count: Int(length))
            } else if !isFresh {
                try zero(at: offset, count: length)
            }
            offset += length
            try advance(offset)
        }
    }

    /// Waits until everything is written.
    /// - Throws: `CephError`.
    /// - C function: rbd_aio_wait_for_complete, rbd_flush
    func finish() throws(CephError) {
        while !reading.isEmpty { try writeFirst() }
        while !writing.isEmpty { try endFirst() }
        try check(rbd_flush(target), .copyImage, on: resource)
    }

    private func move(at offset: UInt64, count: Int) throws(CephError) {
        let buffer = try freeBuffer()
        let data = buffer.assumingMemoryBound(to: CChar.self)
        let read = try start { rbd_aio_read(source, offset, count, data, $0) }
        free.removeLast()
        reading.append(Piece(buffer: buffer, offset: offset, length: count, read: read))
    }

    private func zero(at offset: UInt64, count: UInt64) throws(CephError) {
        let buffer = try freeBuffer()
        let zeroing = try startZeroing(at: offset, count: Int(count))
        free.removeLast()
        writing.append(Piece(buffer: buffer, offset: offset, length: 0, writes: [zeroing]))
    }

    /// Zeroes a range. It does not use a discard, because librbd ignores discards of less than an object. The zeros
    /// take no space afterwards.
    private func startZeroing(at offset: UInt64, count: Int) throws(CephError) -> rbd_completion_t {
        try start { rbd_aio_write_zeroes(target, offset, count, $0, 0, 0) }
    }

    /// - Returns: a buffer that is not in use. It stays in the list of free buffers.
    private func freeBuffer() throws(CephError) -> UnsafeMutableRawPointer {
        let part = share.part(of: buffers.count)
        while true {
            if reading.count + writing.count < part, let buffer = free.last { return buffer }
            // Half of the pieces read while the other half writes.
            if writing.isEmpty || reading.count > buffers.count / 2 { try writeFirst() } else { try endFirst() }
        }
    }

    private func writeFirst() throws(CephError) {
        guard var piece = reading.first, let read = piece.read else { return }
        rbd_aio_wait_for_complete(read)
        let count = rbd_aio_get_return_value(read)
        rbd_aio_release(read)
        piece.read = nil
        reading.removeFirst()
        // From here on the piece is in the list of writing pieces, even after an error.
        defer { writing.append(piece) }
        try check(CInt(clamping: count), .copyImage, on: resource)
        if count < piece.length { memset(piece.buffer + count, 0, piece.length - count) }
        var end = 0
        for run in Self.runs(in: piece.buffer, count: piece.length) + [piece.length..<piece.length] {
            if !isFresh, end < run.lowerBound {
                piece.writes.append(try startZeroing(at: piece.offset + UInt64(end), count: run.lowerBound - end))
            }
            end = run.upperBound
            if run.isEmpty { continue }
            let data = (piece.buffer + run.lowerBound).assumingMemoryBound(to: CChar.self)
            let offset = piece.offset + UInt64(run.lowerBound)
            piece.writes.append(try start { rbd_aio_write(target, offset, run.count, data, $0) })
        }
    }

    private func endFirst() throws(CephError) {
        guard let piece = writing.first else { return }
        writing.removeFirst()
        free.append(piece.buffer)
        var failure: CInt = 0
        for write in piece.writes {
            rbd_aio_wait_for_complete(write)
            let result = rbd_aio_get_return_value(write)
            rbd_aio_release(write)
            if result < 0 { failure = CInt(clamping: result) }
        }
        try check(failure, .copyImage, on: resource)
    }

    /// Makes an asynchronous call with a new completion.
    private func start(_ call: (rbd_completion_t) -> CInt) throws(CephError) -> rbd_completion_t {
        var completion: rbd_completion_t?
        try check(rbd_aio_create_completion(nil, nil, &completion), .copyImage, on: resource)
        guard let completion else { throw CephError(.other, .copyImage, on: resource, detail: "out of memory") }
        let result = call(completion)
        if result < 0 { rbd_aio_release(completion) }
        try check(result, .copyImage, on: resource)
        return completion
    }

    /// The ranges that are not all zeros, in whole blocks.
    static func runs(in data: UnsafeRawPointer, count: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for begin in stride(from: 0, to: count, by: blockBytes) {
            let end = min(begin + blockBytes, count)
            // The first byte is zero, and each byte equals the one before it.
            let block = data + begin
            let isZero =
                block.load(as: UInt8.self) == 0 && (end - begin == 1 || memcmp(block, block + 1, end - begin - 1) == 0)
            if isZero { continue }
            if let last = runs.last, last.upperBound == begin {
                runs[runs.count - 1] = last.lowerBound..<end
            } else {
                runs.append(begin..<end)
            }
        }
        return runs
    }
}
