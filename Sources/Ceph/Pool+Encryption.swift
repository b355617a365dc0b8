// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD

/// What can be told of the encryption of images without their passphrases.
extension Pool {
    /// Whether a clone was encrypted with a key of its own, as librbd 17 and newer do it. What it shares with its parent is encrypted with
    /// another key, or not at all: without the passphrases nobody can copy the one into the other.
    /// - Parameter snapshot: the state to look at; nil for the image as it is.
    /// - Throws: `CephError` with `.imageNotFound`, `.snapshotNotFound`, `.imageUnreadable`, `.parentNotFound`, `.poolNotFound`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_get_overlap, rbd_read
    public func isEncryptedClone(imageID id: String, at snapshot: String? = nil) async throws -> Bool {
        try await withContext(.readImage, on: resource(ofImage: "#\(id)")) { context throws(CephError) in
            try OpenImage(id: id, at: snapshot, in: context).isEncryptedClone(.readImage)
        }
    }
}

extension OpenImage {
    /// With these bytes a clone begins that has a key of its own; any other encrypted image begins with `LUKS`.
    private static let magic = Array("RBDL".utf8)

    /// Whether it is a clone with a key of its own, in the state that is set.
    func isEncryptedClone(_ operation: CephError.Operation) throws(CephError) -> Bool {
        var overlap: UInt64 = 0
        try check(rbd_get_overlap(pointer, &overlap), operation, on: resource)
        guard overlap > 0 else { return false }
        // A clone of an encrypted clone has the first bytes from its parent.
        var begin = [CChar](repeating: 0, count: Self.magic.count)
        let count = rbd_read(pointer, 0, begin.count, &begin)
        try check(CInt(clamping: count), operation, on: resource)
        return count == begin.count && begin.map(UInt8.init(bitPattern:)) == Self.magic
    }

    /// Refuses what would destroy an encrypted clone.
    /// - Throws: `CephError` with `.imageEncrypted`.
    func requireNoKeyOfItsOwn(
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard try isEncryptedClone(operation) else { return }
        throw CephError(.imageEncrypted, operation, on: resource)
    }
}
