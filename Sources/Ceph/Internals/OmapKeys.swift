// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The names of values in an object's omap, laid out as librados takes them. Made once, for reads that are made by the
/// thousand.
final class OmapKeys: @unchecked Sendable {
    let count: Int
    let names: UnsafeMutablePointer<UnsafePointer<CChar>?>
    let lengths: UnsafeMutablePointer<Int>

    /// - Parameter names: in the order of their bytes, as the values come.
    init(_ names: [StaticString]) {
        count = names.count
        self.names = .allocate(capacity: count)
        lengths = .allocate(capacity: count)
        for (index, name) in names.enumerated() {
            let bytes = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
            (self.names + index).initialize(to: bytes)
            (lengths + index).initialize(to: name.utf8CodeUnitCount)
        }
    }

    deinit {
        names.deallocate()
        lengths.deallocate()
    }

    /// Whether a key that came back is the one at an index.
    func isKey(_ index: Int, _ key: UnsafeRawBufferPointer) -> Bool {
        guard key.count == lengths[index], let name = names[index] else { return false }
        return key.elementsEqual(UnsafeRawBufferPointer(start: name, count: key.count))
    }
}
