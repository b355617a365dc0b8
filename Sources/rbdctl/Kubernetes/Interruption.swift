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

/// Ctrl-C, and the end of a container, for a command that still has to tell what it has done by then.
final class Interruption: Sendable {
    /// The signal that came; nil where none has.
    var signal: CInt? { received.withLock { $0 } }

    private let received = Mutex<CInt?>(nil)

    /// Cancels the work when such a signal comes, instead of ending the program.
    func cancelling<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        let task = Task { await work() }
        let sources = [SIGINT, SIGTERM].map { number in
            #if canImport(Darwin)
            // Else it ends the program first. On Linux Dispatch sees to that.
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
