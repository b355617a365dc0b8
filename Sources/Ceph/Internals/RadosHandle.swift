// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Dispatch
internal import Glibc

/// Owns a `rados_t`. librados documents the handle as thread-safe after it is configured. Before that, only the thread
/// that configures it has it.
final class RadosHandle: @unchecked Sendable {
    let pointer: rados_t
    /// Only one ``ManagementLimit`` is active at a time.
    let managementLimit = DispatchSemaphore(value: 1)

    init(_ pointer: rados_t) {
        self.pointer = pointer
        Self.open.enter()
        Self.exitGuard
    }

    deinit {
        // Closing waits for librados' threads. The thread that released the last reference must not wait: it may be a
        // cooperative thread.
        let address = UInt(bitPattern: pointer)
        let isStarted = NativeThread.start(named: "ceph-shutdown") {
            rados_shutdown(rados_t(bitPattern: address))
            Self.open.leave()
        }
        if !isStarted { Self.open.leave() }
    }

    /// The value of one of Ceph's options; empty if there is none.
    func option(_ name: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard rados_conf_get(pointer, name, &buffer, buffer.count) >= 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    var address: String {
        var text: UnsafeMutablePointer<CChar>?
        guard rados_getaddrs(pointer, &text) >= 0, let text else { return "" }
        defer { free(text) }
        return String(cString: text)
    }

    /// Connections that are open or being closed. A call whose caller was released at its deadline keeps its own open.
    private static let open = DispatchGroup()

    /// `exit` destroys what librados' threads use while they still run, which sometimes ends in a crash instead of the
    /// exit code. If connections are not closed within two seconds, the process ends without destroying anything.
    private static let exitGuard: Void = {
        _ = on_exit(
            { status, _ in
                guard RadosHandle.open.wait(timeout: .now() + 2) == .timedOut else { return }
                fflush(nil)
                _exit(status)
            },
            nil
        )
    }()

    static func finishClosing(within duration: Duration) async -> Bool {
        await withCheckedContinuation { continuation in
            let isStarted = NativeThread.start(named: "ceph-closing") {
                let (seconds, attoseconds) = duration.components
                let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
                continuation.resume(returning: open.wait(timeout: .now() + .nanoseconds(nanoseconds)) == .success)
            }
            if !isStarted { continuation.resume(returning: false) }
        }
    }
}
