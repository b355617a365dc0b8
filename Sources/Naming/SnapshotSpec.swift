// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A snapshot, written as Ceph writes it: `pool/image@snapshot` or `pool/namespace/image@snapshot`.
public struct SnapshotSpec: Hashable, Sendable, CustomStringConvertible {
    public var image: ImageSpec
    public var snapshot: String

    public init(image: ImageSpec, snapshot: String) {
        self.image = image
        self.snapshot = snapshot
    }

    /// Reads an image's spec, `@` and a name.
    /// - Returns: nil if one of them is missing.
    public init?(parsing text: String) {
        guard let (image, snapshot) = SpecText.parts(of: text), let image = ImageSpec(parsing: image) else {
            return nil
        }
        self.init(image: image, snapshot: snapshot)
    }

    public var description: String { "\(image)@\(snapshot)" }
}

enum SpecText {
    /// The parts of a snapshot's spec before and after the `@`.
    /// - Returns: nil if there is no `@`, or nothing after it.
    static func parts(of text: String) -> (String, String)? {
        // The last `@` counts: librbd allows more in names than can be told apart here.
        guard let at = text.lastIndex(of: "@") else { return nil }
        let snapshot = String(text[text.index(after: at)...])
        return snapshot.isEmpty ? nil : (String(text[..<at]), snapshot)
    }
}
