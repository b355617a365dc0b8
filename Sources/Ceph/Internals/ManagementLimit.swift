// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Dispatch
internal import Synchronization

/// Limits how many objects librbd works on in parallel for one piece of long work.
///
/// That number is an option of the whole connection. librbd reads it when the work begins, and each time that it reads
/// an image's header again. So the option is changed until the work reports its progress for the first time. Other work
/// that begins at the same moment is slowed down, too.
final class ManagementLimit: Sendable {
    static let option = "rbd_concurrent_management_ops"

    private let call: LongCall
    private let rados: RadosHandle
    /// Nil when the limit has ended.
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

    /// Restores the option. Repeated calls do nothing.
    func end() {
        usual.withLock { usual in
            guard let value = usual else { return }
            rados_conf_set(rados.pointer, Self.option, value)
            usual = nil
            rados.managementLimit.signal()
        }
    }

    deinit { end() }

    /// Ends the limit at librbd's first call, and then acts like ``LongCall/callback``.
    /// - C function: librbd_progress_fn_t
    static let callback: librbd_progress_fn_t = { done, total, context in
        guard let context else { return 0 }
        let limit = Unmanaged<ManagementLimit>.fromOpaque(context).takeUnretainedValue()
        limit.end()
        return LongCall.callback(done, total, limit.call.context)
    }

    /// The context for the callback. Valid as long as this object exists.
    var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
}
