// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The names of the bits that are set.
enum BitNames {
    /// - Parameter known: the names of the lowest bits, in order.
    static func names(of bits: UInt64, _ known: [String]) -> [String] {
        var (rest, names) = (bits, [String]())
        names.reserveCapacity(bits.nonzeroBitCount)
        while rest != 0 {
            let bit = rest.trailingZeroBitCount
            names.append(bit < known.count ? known[bit] : "unknown-bit-\(bit)")
            rest &= rest - 1
        }
        return names
    }
}
