// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc
import Naming

/// A read of `rbd_info`, the object in which librbd stores what it knows of a pool as a whole. It is in flight while
/// other work is done.
struct RBDInfoRead {
    /// Its content after librbd has found that RBD can be used in the pool.
    private static let validated = Array("overwrite validated".utf8)
    private static let optionPrefix = Array("conf_".utf8)

    private let read = CompoundRead()

    /// Sends the request. A namespace does not have this object: the object of the pool is read then, and the answer is
    /// waited for.
    init(of context: borrowing IOContext) throws(CephError) {
        let one: UInt64 = 1
        read.readData(upTo: Self.validated.count + 1)
        read.call("metadata_list", input: WireWriter.string(Self.optionPrefix) + WireWriter.integer(one))
        if context.namespace.isEmpty {
            read.submit(to: "rbd_info", in: context)
        } else {
            read.operate(on: "rbd_info", in: try IOContext(Place(pool: context.pool), rados: context.rados))
        }
    }

    /// Whether librbd has validated the pool, and no Ceph options are set for images in it.
    /// - Throws: `CephError` with `.timedOut`.
    /// - C function: rados_aio_wait_for_complete
    func isPlain(_ resource: CephError.Resource) throws(CephError) -> Bool {
        let result = read.wait()
        // librbd will meet any other error, too.
        guard result >= 0 || result == -ETIMEDOUT else { return false }
        try check(result, .createImage, on: resource)
        guard read.data.elementsEqual(Self.validated), var options = read.output,
            let count = options.integer(UInt32.self)
        else { return false }
        if count == 0 { return true }
        // The first key after the prefix.
        guard let key = options.text() else { return false }
        return !key.starts(with: Self.optionPrefix)
    }
}
