// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc

/// Reads images, one or many, without opening any: names and ids from the pool's directory, then one compound read per
/// image with a window of them on their way at once. Lives for one blocking call.
struct ImageReader: ~Copyable {
    let context: IOContext
    private let deadline: ContinuousClock.Instant?
    let cache: HeaderCache?
    var names = ReferenceNames()
    /// Whether the image that was read last has, or had, a snapshot.
    var hadSnapshots: Bool

    /// - Parameters:
    ///   - deadline: when nobody waits any more; one that reads many images gives up then.
    ///   - hadSnapshots: whether the image before the first, if there is one, has or had a snapshot.
    ///   - cache: where headers are kept, for who reads many of them again and again.
    init(
        _ context: consuming IOContext,
        until deadline: ContinuousClock.Instant? = nil,
        hadSnapshots: Bool = false,
        cache: HeaderCache? = nil
    ) {
        self.context = context
        self.deadline = deadline
        self.hadSnapshots = hadSnapshots
        self.cache = cache
    }

    func resource(_ name: String) -> CephError.Resource {
        .image(name, namespace: context.namespace, pool: context.pool)
    }

    /// The pool's directory as a whole, in the order of the names. It has half-removed images too, and says which they are.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`dir_list` of `rbd_directory`, `trash_list` of `rbd_trash`)
    func entries() throws(CephError) -> [Entry] {
        var walk = DirectoryWalk()
        return try walk.next(.max, in: self)
    }

    /// One image by its name.
    /// - Parameters:
    ///   - id: where it is known.
    ///   - asksTrash: whether to look if it is being removed, which costs no time but is of no use after a create.
    ///   - isNew: whether it was just made from nothing, so that there is less to ask for.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`get_id` of `rbd_id.<name>`)
    mutating func image(
        named name: String,
        id known: String? = nil,
        asksTrash: Bool = false,
        isNew: Bool = false
    ) throws(CephError) -> ImageInfo {
        let image: ImageInfo?
        let found: String? = if let known { known } else { try id(ofImage: name) }
        if let id = found {
            // On its way while the header is read.
            let trash = asksTrash ? TrashRead(id: id, in: context) : nil
            let metadata = isNew ? nil : MetadataRead(id: id, in: context)
            // One image is asked for all at once: a second round trip would take longer.
            hadSnapshots = true
            let header = try images([Entry(name: name, id: id, isNew: isNew)]).first
            let isBeingRemoved = try trash?.entry(.readImage, on: resource(name))?.source == .removing
            let pairs = try metadata?.pairs(on: resource(name), in: context) ?? [:]
            image = header.map { header in
                var image = header
                image.isBeingRemoved = isBeingRemoved
                image.metadata = pairs
                return image
            }
        } else {
            image = try format1Image(named: name)
        }
        guard let image else {
            // The namespace may be what is missing; asked only now, because it costs a round trip.
            try context.requireNamespace()
            throw CephError(.imageNotFound, .readImage, on: resource(name))
        }
        return image
    }

    /// Nobody waits for the rest of a long list any more.
    func requireTime() throws(CephError) {
        guard let deadline, deadline <= .now else { return }
        throw CephError(.timedOut, .listImages, on: .pool(context.pool))
    }

    /// - Returns: nil where no image of format 2 has the name.
    private func id(ofImage name: String) throws(CephError) -> String? {
        try context.text("get_id", of: "rbd_id.\(name)", on: resource(name))
    }
}
