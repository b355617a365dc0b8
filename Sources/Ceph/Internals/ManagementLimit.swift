// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Dispatch
internal import Synchronization

/// Has librbd begin one piece of long work with less in hand than usual.
///
/// How many objects it works on at once is an option of the whole connection. librbd reads it when the work begins, and also each time
/// that it reads an image's header anew. So the option is changed until the work tells for the first time how far it is. Other
/// work that begins in the same moment goes on more slowly, too.
final class ManagementLimit: Sendable {
    static let option = "rbd_concurrent_management_ops"

    private let call: LongCall
    private let rados: RadosHandle
    /// Nil where it is over.
    private let usual: Mutex<String?>

    /// Waits for its turn, and changes the option.
    /// - C function: rados_conf_get, rados_conf_set
    init(to count: UInt64, for call: LongCall, on rados: RadosHandle) {
        (self.call, self.rados) = (call, rados)
        rados.managementLimit.wait()
        let value = rados.option(Self.option)
        usual = Mutex(value)
        if let number = UInt64(value), number > count { rados_conf_set(rados.pointer, Self.option, "\(count)") }
    }

    /// Sets the option back. Done again, it does nothing.
    /// - C function: rados_conf_set
    func end() {
        usual.withLock { usual in
            guard let value = usual else { return }
            rados_conf_set(rados.pointer, Self.option, value)
            usual = nil
            rados.managementLimit.signal()
        }
    }

    deinit { end() }

    /// Ends the limit at librbd's first call, and is ``LongCall/callback`` for the rest.
    /// - C function: librbd_progress_fn_t
    static let callback: librbd_progress_fn_t = { done, total, context in
        guard let context else { return 0 }
        let limit = Unmanaged<ManagementLimit>.fromOpaque(context).takeUnretainedValue()
        limit.end()
        return LongCall.callback(done, total, limit.call.context)
    }

    /// What the callback is given. Valid as long as this object.
    var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
}
