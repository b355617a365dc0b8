// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension ImageReader {
    /// A name in the pool's directory and the image that it stands for.
    struct Entry: Hashable {
        var name: String
        /// The name as it is, where it is not UTF-8 and ``name`` is no more than what can be shown of it.
        var rawName: [UInt8]?
        /// Empty for the old format 1.
        var id: String
        /// A removal of it has begun, and was interrupted or still goes on.
        var isBeingRemoved = false
        /// It was just made from nothing: it has no snapshots, no parent and no metadata.
        var isNew = false

        var position: ImagePosition { ImagePosition(name: rawName ?? Array(name.utf8), id: id) }
    }
}

extension ImageReader.Entry {
    /// - Parameter bytes: the name as it is.
    init(nameBytes bytes: some Collection<UInt8>, id: String, isNew: Bool = false) {
        if let name = String(validating: bytes, as: UTF8.self) {
            self.init(name: name, id: id, isNew: isNew)
        } else {
            self.init(name: String(decoding: bytes, as: UTF8.self), rawName: Array(bytes), id: id, isNew: isNew)
        }
    }

    var fullName: RawName { RawName(bytes: rawName ?? Array(name.utf8)) }

    /// The order of the directory: that of the names' bytes.
    func precedes(_ other: ImageReader.Entry) -> Bool {
        if rawName == nil, other.rawName == nil {
            // What almost every name is, without a copy of it.
            if name.utf8.elementsEqual(other.name.utf8) { return id < other.id }
            return name.utf8.lexicographicallyPrecedes(other.name.utf8)
        }
        return position < other.position
    }

    func place(in range: NameRange) -> NameRange.Side {
        rawName.map(range.place) ?? range.place(of: name.utf8)
    }
}
