// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What RBD's objects say of a name: the pool's directory, `rbd_id.<name>`, and of each image that these two name its header, its
/// entry in the trash, and what the directory calls it.
///
/// An image has the name where the directory says so, the image has a header, and the trash does not have it. Everything else is
/// what somebody is in the middle of, or did not finish.
public struct ImageStanding: Hashable, Sendable {
    /// What there is of an image, by its id.
    public struct Trace: Hashable, Sendable {
        public var id: String
        /// What the pool's directory calls it; nil where the directory does not have it.
        public var directoryName: RawName?
        /// Of its header's object; each write to it gives it another one. Nil where there is no header.
        public var headerVersion: UInt64?
        public var trash: TrashEntry?

        public var hasHeader: Bool { headerVersion != nil }
    }

    public enum State: Hashable, Sendable {
        /// Nobody has the name.
        case free
        /// The image is there.
        case whole
        /// The image is there, but `rbd_id.<name>` is not: Ceph's own tools can't find it by its name.
        case withoutNameObject
        /// The directory has one image under the name, `rbd_id.<name>` another one.
        case contradictory
        /// The name is taken, and the image has no header: a create was interrupted, or the header was lost.
        case withoutHeader
        /// The directory and the trash have the image: a move to the trash was interrupted, or a restore.
        case halfTrashed
        /// The directory still has it, but its removal has begun.
        case beingRemoved
        /// Only `rbd_id.<name>` is there: what has it has another name by now, is in the trash or is gone.
        case strayNameObject
    }

    public var name: RawName
    /// The image that the directory has under the name.
    public var image: Trace?
    /// What `rbd_id.<name>` says; the same image, where all is well.
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
    /// Looks at a name.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_aio_read_op_operate (`dir_get_id`, `dir_get_name` of `rbd_directory`, `get_id` of `rbd_id.<name>`,
    ///   `trash_get` of `rbd_trash`), rados_read_op_stat (of `rbd_header.<id>`)
    public func standing(of name: RawName) async throws -> ImageStanding {
        let resource = resource(ofImage: name.text)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            try context.standing(of: name, on: resource)
        }
    }

    /// Looks at an image by its id.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_aio_read_op_operate (`dir_get_name` of `rbd_directory`, `trash_get` of `rbd_trash`), rados_read_op_stat
    ///   (of `rbd_header.<id>`)
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
        // Both on their way at once, where they differ.
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
