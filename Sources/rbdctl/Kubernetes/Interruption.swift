// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Handles Ctrl-C, and the stop signal of a container, for a command that must still report what it has done.
final class Interruption: Sendable {
    /// The signal that was received; nil if there was none.
    var signal: CInt? { received.withLock { $0 } }

    private let received = Mutex<CInt?>(nil)

    /// Cancels the work when such a signal is received, instead of ending the program.
    func cancelling<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        let task = Task { await work() }
        let sources = [SIGINT, SIGTERM].map { number in
            #if canImport(Darwin)
            // Otherwise the signal would end the program first. On Linux, Dispatch prevents that.
            _ = Darwin.signal(number, SIG_IGN)
            #endif
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                received.withLock { $0 = $0 ?? number }
                task.cancel()
            }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        return await task.value
    }
}
