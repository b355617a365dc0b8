// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Told, on the thread of the call, how far a long call has come.
/// - Returns: whether to go on.
public typealias ProgressHandler = @Sendable (_ done: UInt64, _ total: UInt64) -> Bool

/// Hands what librbd's progress callback says to a closure.
final class ProgressRelay: Sendable {
    private let handler: ProgressHandler

    init(_ handler: @escaping ProgressHandler) {
        self.handler = handler
    }

    /// librbd calls it without looking whether it is there, so that calls without a handler need one, too.
    static let ignore: @convention(c) (UInt64, UInt64, UnsafeMutableRawPointer?) -> CInt = { _, _, _ in 0 }

    private static let callback: @convention(c) (UInt64, UInt64, UnsafeMutableRawPointer?) -> CInt = {
        done,
        total,
        relay in
        guard let relay else { return 0 }
        let goesOn = Unmanaged<ProgressRelay>.fromOpaque(relay).takeUnretainedValue().handler(done, total)
        return goesOn ? 0 : -ECANCELED
    }

    /// Makes a call that takes librbd's callback and its argument.
    static func relay(
        to handler: ProgressHandler?,
        _ call: (@convention(c) (UInt64, UInt64, UnsafeMutableRawPointer?) -> CInt, UnsafeMutableRawPointer?) -> CInt
    ) -> CInt {
        guard let handler else { return call(ignore, nil) }
        let relay = ProgressRelay(handler)
        // Only used while the call runs.
        return withExtendedLifetime(relay) { call(callback, Unmanaged.passUnretained(relay).toOpaque()) }
    }
}
