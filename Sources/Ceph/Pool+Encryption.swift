// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD

/// The encryption formats that librbd creates.
public enum ImageEncryption: String, Hashable, Sendable {
    case luks1, luks2
}

/// What is visible of the encryption of images without their passphrases.
extension Pool {
    /// Whether a clone was encrypted with its own key, as librbd 17 and newer can do. The data that it shares with its
    /// parent has another key, or is not encrypted. Without the passphrases, that data can't be copied into the clone.
    /// - Parameter snapshot: the state to look at; nil for the image as it is.
    /// - Throws: `CephError` with `.imageNotFound`, `.snapshotNotFound`, `.imageUnreadable`, `.parentNotFound`.
    /// - C function: rbd_get_overlap, rbd_read
    public func isEncryptedClone(imageID id: String, at snapshot: String? = nil) async throws -> Bool {
        try await withContext(.readImage, on: resource(ofImage: "#\(id)")) { context throws(CephError) in
            try OpenImage(id: id, at: snapshot, in: context).isEncryptedClone(.readImage)
        }
    }
}

extension OpenImage {
    /// A clone with its own key begins with these bytes. Any other encrypted image begins with `LUKS`.
    private static let magic = Array("RBDL".utf8)
    private static let luks = Array("LUKS".utf8)
    /// Follows either of them; then comes a version of two bytes, big-endian.
    private static let mark: [UInt8] = [0xBA, 0xBE]

    /// Whether the image is a clone with its own key, in the state that is set.
    func isEncryptedClone(_ operation: CephError.Operation) throws(CephError) -> Bool {
        guard try overlapBytes(operation) > 0 else { return false }
        return try beginning(Self.magic.count, operation) == Self.magic
    }

    /// The encryption format of the image; nil if it does not begin like an encrypted image. A clone without its own
    /// key is encrypted like its parent.
    /// - C function: rbd_read
    func encryption() throws(CephError) -> ImageEncryption? {
        let begin = try beginning(Self.magic.count + Self.mark.count + 2, .readImage)
        guard begin.starts(with: Self.luks + Self.mark) || begin.starts(with: Self.magic + Self.mark) else {
            return nil
        }
        return switch begin.suffix(2) {
        case [0, 1]: .luks1
        case [0, 2]: .luks2
        default: nil
        }
    }

    /// The first bytes in the state that is set. A clone of an encrypted clone has them from its parent.
    private func beginning(_ count: Int, _ operation: CephError.Operation) throws(CephError) -> [UInt8] {
        var begin = [CChar](repeating: 0, count: count)
        let read = rbd_read(pointer, 0, count, &begin)
        try check(CInt(clamping: read), operation, on: resource)
        return begin.prefix(read).map(UInt8.init(bitPattern:))
    }

    /// Throws if the work would destroy an encrypted clone.
    /// - Throws: `CephError` with `.imageEncrypted`.
    func requireNoKeyOfItsOwn(
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard try isEncryptedClone(operation) else { return }
        throw CephError(.imageEncrypted, operation, on: resource)
    }
}
