// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A clone of format 2, as its parent's header refers to it.
struct CloneReference: Hashable, Sendable {
    var poolID: Int64
    var namespace: String
    var imageID: String
}

extension CloneReference {
    /// Reads one entry and moves behind it.
    init?(_ reader: inout WireReader) {
        var entry = reader
        guard reader.skipFrame() != nil, entry.enterFrame() != nil, let poolID = entry.integer(Int64.self),
            let imageID = entry.string(), let namespace = entry.string()
        else { return nil }
        self.init(poolID: poolID, namespace: namespace, imageID: imageID)
    }

    /// The version of the frame is the one that includes the namespace.
    var wire: [UInt8] {
        let payload = WireWriter.integer(poolID) + WireWriter.string(imageID) + WireWriter.string(namespace)
        return [2, 1] + WireWriter.integer(UInt32(payload.count)) + payload
    }
}

extension IOContext {
    /// The clones of format 2 of a snapshot, from the header of its image.
    func clones(
        ofSnapshot snapshot: UInt64,
        ofImage id: String,
        on resource: CephError.Resource
    ) throws(CephError) -> [CloneReference] {
        let read = CompoundRead(calling: "children_list", input: WireWriter.integer(snapshot))
        read.operate(on: ImageHeader.object(id: id), in: self)
        // No list means no clones.
        guard try read.isFound(.readImage, on: resource) else { return [] }
        var clones: [CloneReference] = []
        if var reader = read.output, let count = reader.integer(UInt32.self) {
            for _ in 0..<count {
                guard let clone = CloneReference(&reader) else { break }
                clones.append(clone)
            }
            if clones.count == Int(count) { return clones }
        }
        throw CephError(.other, .readImage, on: resource, detail: "the list of its clones can't be read")
    }
}
