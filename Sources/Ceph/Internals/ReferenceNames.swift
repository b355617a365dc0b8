// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import Naming

/// Finds the names for the numbers in headers: of pools, parents and groups. Each is read once, whether one image or
/// ten thousand refer to it, and several reads are in flight at a time.
struct ReferenceNames: ~Copyable {
    /// The known names of a parent.
    private struct ParentNames {
        var pool: String
        var image = ""
        var snapshot = ""
    }

    /// More would only take memory. Further reads first wait for an answer.
    private static let window = 64
    private static let groups = "rbd_group_directory"

    private var places: [NumberedPlace: Shared] = [:]
    private var pools: [Int64: String] = [:]
    private var parents: [ImageHeader.ParentReference: ParentNames] = [:]
    /// Reads that are in flight.
    private var parentQuestions: [ImageHeader.ParentReference: (image: CompoundRead, snapshot: CompoundRead)] = [:]
    private var groupNames: [ImageHeader.GroupReference: String] = [:]
    private var groupQuestions: [ImageHeader.GroupReference: CompoundRead] = [:]

    /// Starts reading the names for a header, unless they are known or already being read.
    mutating func expect(_ header: ImageHeader, in context: borrowing IOContext) throws(CephError) {
        if let parent = header.parent, parents[parent] == nil, parentQuestions[parent] == nil {
            try makeRoom(in: context)
            try ask(for: parent, in: context)
        }
        if let group = header.group, groupNames[group] == nil, groupQuestions[group] == nil {
            try makeRoom(in: context)
            try ask(for: group, in: context)
        }
    }

    /// Writes the names to the image.
    mutating func tell(
        _ image: inout ImageInfo,
        _ header: ImageHeader,
        in context: borrowing IOContext
    ) throws(CephError) {
        if let reference = header.parent {
            let names = try parent(reference, in: context)
            let parent = ImageInfo.Parent(
                pool: names.pool,
                namespace: reference.namespace,
                image: names.image,
                imageID: reference.imageID,
                snapshot: names.snapshot,
                overlapBytes: header.parentOverlapBytes ?? 0
            )
            if header.parentOverlapBytes == nil { image.snapshotsParent = parent } else { image.parent = parent }
        }
        if let reference = header.group {
            let name = try group(reference, in: context)
            let pool = try poolName(id: reference.poolID, in: context)
            image.group = ImageInfo.Group(pool: pool, namespace: context.namespace, name: name)
        }
    }

    // MARK: Pools

    /// - Returns: `#` and the id for a pool that no longer exists: one orphan must not hide all other images.
    mutating func poolName(id: Int64, in context: borrowing IOContext) throws(CephError) -> String {
        if let name = pools[id] { return name }
        var name = "#\(id)"
        do {
            name = try context.rados.poolName(id: id)
        } catch  where error.code == .poolNotFound {
            // The number is returned.
        }
        pools[id] = name
        return name
    }

    /// - Returns: nil for a pool that no longer exists, or that the service may not open.
    private mutating func place(
        _ poolID: Int64,
        _ namespace: String,
        _ rados: RadosHandle
    ) throws(CephError) -> Shared? {
        let key = NumberedPlace(poolID: poolID, namespace: namespace)
        if let place = places[key] { return place }
        do {
            let place = Shared(try IOContext(poolID: poolID, namespace: namespace, rados: rados))
            places[key] = place
            return place
        } catch  where error.code != .timedOut && error.code != .clientBlocklisted {
            return nil
        }
    }

    /// A context for many reads.
    private final class Shared {
        let context: IOContext

        init(_ context: consuming IOContext) {
            self.context = context
        }
    }

    private mutating func makeRoom(in context: borrowing IOContext) throws(CephError) {
        if parentQuestions.count >= Self.window, let (first, _) = parentQuestions.first {
            _ = try parent(first, in: context)
        }
        if groupQuestions.count >= Self.window, let (first, _) = groupQuestions.first {
            _ = try group(first, in: context)
        }
    }

    // MARK: Parents

    private mutating func ask(
        for reference: ImageHeader.ParentReference,
        in context: borrowing IOContext
    ) throws(CephError) {
        guard let place = try place(reference.poolID, reference.namespace, context.rados) else { return }
        let image = CompoundRead(calling: "dir_get_name", input: WireWriter.string(reference.imageID))
        let snapshot = CompoundRead(calling: "snapshot_get", input: WireWriter.integer(reference.snapshotID))
        image.submit(to: "rbd_directory", in: place.context)
        snapshot.submit(to: ImageHeader.object(id: reference.imageID), in: place.context)
        parentQuestions[reference] = (image, snapshot)
    }

    /// If the service may not read the parent's pool, the clone is still returned. Unknown names are left empty.
    private mutating func parent(
        _ reference: ImageHeader.ParentReference,
        in context: borrowing IOContext
    ) throws(CephError) -> ParentNames {
        if let names = parents[reference] { return names }
        var names = ParentNames(pool: try poolName(id: reference.poolID, in: context))
        if let question = parentQuestions.removeValue(forKey: reference),
            let place = try place(reference.poolID, reference.namespace, context.rados)
        {
            do {
                let resource = CephError.Resource.image(
                    ImageSpec(pool: names.pool, namespace: reference.namespace, image: "#\(reference.imageID)")
                )
                if let name = try Self.text(question.image, on: resource) {
                    names.image = name
                } else {
                    names.image = try ImageReader.find(id: reference.imageID, in: place.context)?.name ?? ""
                }
                names.snapshot = try Self.snapshotName(question.snapshot, on: resource) ?? ""
            } catch  where error.code != .timedOut && error.code != .clientBlocklisted {
                // Handled above.
            }
        }
        parents[reference] = names
        return names
    }

    // MARK: Groups

    private mutating func ask(
        for reference: ImageHeader.GroupReference,
        in context: borrowing IOContext
    ) throws(CephError) {
        guard let place = try place(reference.poolID, context.namespace, context.rados) else { return }
        let name = CompoundRead(calling: "dir_get_name", input: WireWriter.string(reference.id))
        name.submit(to: Self.groups, in: place.context)
        groupQuestions[reference] = name
    }

    /// - Returns: `#` and the id for a group that no longer exists, or in a pool that the service may not read.
    private mutating func group(
        _ reference: ImageHeader.GroupReference,
        in context: borrowing IOContext
    ) throws(CephError) -> String {
        if let name = groupNames[reference] { return name }
        var name = "#\(reference.id)"
        if let question = groupQuestions.removeValue(forKey: reference) {
            do {
                name = try Self.text(question, on: .pool(context.pool)) ?? name
            } catch  where error.code != .timedOut && error.code != .clientBlocklisted {
                // Handled above.
            }
        }
        groupNames[reference] = name
        return name
    }

    // MARK: Answers

    private static func text(_ read: CompoundRead, on resource: CephError.Resource) throws(CephError) -> String? {
        guard try read.isFound(.readImage, on: resource), var reader = read.output else { return nil }
        return reader.string()
    }

    private static func snapshotName(
        _ read: CompoundRead,
        on resource: CephError.Resource
    ) throws(CephError) -> String? {
        // Its frame begins with the id, then follow the frame of the snapshot's namespace, and the name.
        guard try read.isFound(.readImage, on: resource), var reader = read.output, reader.enterFrame() != nil,
            reader.integer(UInt64.self) != nil,
            reader.skipFrame() != nil
        else { return nil }
        return reader.string()
    }
}
