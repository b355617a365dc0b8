// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// A thread of the operating system, for calls that block: Swift's own threads must not.
package enum NativeThread {
    /// Starts a detached thread. The name shows in `top -H` and in gdb; the kernel keeps 15 bytes of it.
    /// - Returns: false where the system has no thread left; the body is then never run.
    package static func start(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        let box = Unmanaged.passRetained(Box(name: name, body: body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                // The one balance of passRetained below; the argument is never nil because we pass it.
                guard let argument else { return nil }
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                pthread_setname_np(pthread_self(), String(box.name.prefix(15)))
                box.body()
                return nil
            },
            box.toOpaque()
        )
        guard result == 0 else {
            box.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
