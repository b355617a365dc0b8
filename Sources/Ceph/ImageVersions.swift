// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The versions of the two objects that every image has. Each write to an object changes its version, and an object
/// that is made again does not get a former one. Reading an image, watching it, and writing data to it change neither.
public struct ImageVersions: Codable, Hashable, Sendable {
    /// Of `rbd_id.<name>`. It is another one after the image was renamed, or was in the trash, even if the image has
    /// its name again.
    public var name: UInt64
    /// Of `rbd_header.<id>`. It is another one after a change of the size, the features, the flags or the metadata, a
    /// snapshot, a group, or a lock.
    public var header: UInt64

    public init(name: UInt64, header: UInt64) {
        (self.name, self.header) = (name, header)
    }
}

extension Pool {
    /// The versions of an image's objects.
    /// - Returns: nil if one of them does not exist.
    /// - C function: rados_aio_read_op_operate, rados_aio_get_version
    public func versions(ofImage name: RawName, id: String) async throws -> ImageVersions? {
        let resource = resource(ofImage: name.text)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            let (nameRead, headerRead) = (CompoundRead(), CompoundRead())
            for read in [nameRead, headerRead] { read.readSize() }
            nameRead.submit(to: name.idObject, in: context)
            headerRead.submit(to: ImageHeader.object(id: id), in: context)
            guard try nameRead.isFound(.readImage, on: resource), try headerRead.isFound(.readImage, on: resource)
            else { return nil }
            let versions = ImageVersions(name: nameRead.version, header: headerRead.version)
            // Zero is not a version that can be compared.
            return versions.name > 0 && versions.header > 0 ? versions : nil
        }
    }
}
