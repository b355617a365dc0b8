// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension VolumeRules {
    /// Ceph's CSI driver for RBD. Its instances may have names that end in a point and this, such as those of Rook.
    private static let cephDriver = "rbd.csi.ceph.com"

    /// Whether a text may be one of ``drivers``: a name, or `*.` and the end of names.
    static func isDriver(_ text: String) -> Bool {
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        return !name.isEmpty && !name.contains("*")
    }

    /// Whether static volumes of the CSI driver get an image.
    func includes(driver name: String) -> Bool {
        drivers.contains { $0.hasPrefix("*.") ? name.hasSuffix($0.dropFirst()) : name == $0 }
    }

    /// Whether the name of a CSI driver says that it is Ceph's driver for RBD.
    static func isOfCeph(driver name: String) -> Bool {
        name == cephDriver || name.hasSuffix(".\(cephDriver)")
    }
}
