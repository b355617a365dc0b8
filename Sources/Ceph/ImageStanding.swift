// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The state of a name in RBD's objects: the pool's directory, `rbd_id.<name>`, and for each image that these two refer
/// to, its header, its trash entry, and its name in the directory.
///
/// An image has the name if the directory says so, the image has a header, and it is not in the trash. Every other
/// state belongs to a change that is running or was interrupted.
public struct ImageStanding: Hashable, Sendable {
    /// The traces of an image, by its id.
    public struct Trace: Hashable, Sendable {
        public var id: String
        /// The image's name in the pool's directory; nil if it is not in the directory.
        public var directoryName: RawName?
        /// The version of the header object, which each write changes. Nil if there is no header.
        public var headerVersion: UInt64?
        public var trash: TrashEntry?

        public var hasHeader: Bool { headerVersion != nil }
    }

    public enum State: Hashable, Sendable {
        /// No image has the name.
        case free
        /// The image exists and is complete.
        case whole
        /// The image exists, but `rbd_id.<name>` does not: Ceph's own tools can't find the image by its name.
        case withoutNameObject
        /// The directory and `rbd_id.<name>` refer to different images.
        case contradictory
        /// The name is taken, but the image has no header: a create was interrupted, or the header was lost.
        case withoutHeader
        /// The image is in the directory and in the trash: a move to the trash was interrupted, or a restore.
        case halfTrashed
        /// The image is still in the directory, but its removal has begun.
        case beingRemoved
        /// Only `rbd_id.<name>` exists: its image has another name now, is in the trash, or is gone.
        case strayNameObject
    }

    public var name: RawName
    /// The image that has the name in the directory.
    public var image: Trace?
    /// The image that `rbd_id.<name>` refers to; normally the same image.
    public var nameObject: Trace?

    public init(name: RawName, image: Trace? = nil, nameObject: Trace? = nil) {
        (self.name, self.image, self.nameObject) = (name, image, nameObject)
    }

    public var state: State {
        guard let image else { return nameObject == nil ? .free : .strayNameObject }
        if let entry = image.trash { return entry.source == .removing ? .beingRemoved : .halfTrashed }
        guard image.hasHeader else { return .withoutHeader }
        guard let nameObject else { return .withoutNameObject }
        return nameObject.id == image.id ? .whole : .contradictory
    }
}

extension Pool {
    /// Reads the state of a name.
    /// - C function: rados_aio_read_op_operate (`dir_get_id`, `dir_get_name` of `rbd_directory`, `get_id` of
    ///   `rbd_id.<name>`, `trash_get` of `rbd_trash`), rados_read_op_stat (of `rbd_header.<id>`)
    public func standing(of name: RawName) async throws -> ImageStanding {
        let resource = resource(ofImage: name.text)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            try context.standing(of: name, on: resource)
        }
    }

    /// Reads the traces of an image by its id.
    /// - C function: rados_aio_read_op_operate (`dir_get_name` of `rbd_directory`, `trash_get` of `rbd_trash`),
    ///   rados_read_op_stat (of `rbd_header.<id>`)
    public func trace(ofImageID id: String) async throws -> ImageStanding.Trace {
        let resource = resource(ofImage: "#\(id)")
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            try TraceRead(id, in: context).answer(on: resource)
        }
    }
}

extension IOContext {
    func standing(of name: RawName, on resource: CephError.Resource) throws(CephError) -> ImageStanding {
        let found = try NameRead(name, in: self).answer(on: resource)
        // If the two ids differ, both are read in parallel.
        let image = found.directoryID.map { TraceRead($0, in: self) }
        let other = found.objectID.flatMap { $0 == found.directoryID ? nil : TraceRead($0, in: self) }
        let trace = try image?.answer(on: resource)
        return ImageStanding(
            name: name,
            image: trace,
            nameObject: found.objectID == nil ? nil : try other?.answer(on: resource) ?? trace
        )
    }
}
