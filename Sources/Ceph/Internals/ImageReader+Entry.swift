// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension ImageReader {
    /// A name in the pool's directory and its image.
    struct Entry: Hashable {
        var name: String
        /// The exact name if it is not UTF-8. ``name`` is then only its displayable form.
        var rawName: [UInt8]?
        /// Empty for the old format 1.
        var id: String
        /// A removal of the image has begun, and either continues or was interrupted.
        var isBeingRemoved = false
        /// The image was just created from nothing: it has no snapshots, no parent and no metadata.
        var isNew = false

        var position: ImagePosition { ImagePosition(name: rawName ?? Array(name.utf8), id: id) }
    }
}

extension ImageReader.Entry {
    /// - Parameter bytes: the exact name.
    init(nameBytes bytes: some Collection<UInt8>, id: String, isNew: Bool = false) {
        if let name = String(validating: bytes, as: UTF8.self) {
            self.init(name: name, id: id, isNew: isNew)
        } else {
            self.init(name: String(decoding: bytes, as: UTF8.self), rawName: Array(bytes), id: id, isNew: isNew)
        }
    }

    var fullName: RawName { RawName(bytes: rawName ?? Array(name.utf8)) }

    /// The order of the directory: by the bytes of the names.
    func precedes(_ other: ImageReader.Entry) -> Bool {
        if rawName == nil, other.rawName == nil {
            // This covers almost every name, and needs no copy.
            if name.utf8.elementsEqual(other.name.utf8) { return id < other.id }
            return name.utf8.lexicographicallyPrecedes(other.name.utf8)
        }
        return position < other.position
    }

    func place(in range: NameRange) -> NameRange.Side {
        rawName.map(range.place) ?? range.place(of: name.utf8)
    }
}
