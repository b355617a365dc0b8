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

    /// A sentence about a volume that gets no image although its author may expect one: a static volume of a driver of
    /// Ceph that the service does not know.
    func hints(on volume: PersistentVolume) -> [String] {
        guard let csi = volume.spec.csi, csi.driver == Self.cephDriver || csi.driver.hasSuffix(".\(Self.cephDriver)"),
            !includes(driver: csi.driver), let text = csi.volumeAttributes?["staticVolume"],
            Self.truths.contains(text), (try? isWanted(volume)) == true
        else { return [] }
        return [
            "no image is made for this static volume: the service's setting kubernetes-drivers does not name \(csi.driver)"
        ]
    }
}
