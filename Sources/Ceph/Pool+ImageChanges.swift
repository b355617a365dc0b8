// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// One change of an existing image.
public enum ImageChange: Hashable, Sendable {
    /// Sets a value, or removes the key if the value is nil. Keys that begin with `conf_` set Ceph options for this
    /// image.
    case metadata(key: String, value: String?)
    /// Enables or disables features, all of them together. Features that already have the requested state are ignored.
    case features(ImageFeatures, isEnabled: Bool)
    /// Renames the image within its place.
    case rename(String)
    /// Enlarges the image.
    case grow(bytes: UInt64)
}

/// The result of changing an image.
public struct ImageChangeOutcome: Sendable {
    /// The change that failed, and why; nil if all were made. Later changes were not tried.
    public var failure: (index: Int, error: CephError)?
    /// The earlier changes that were made and could not be undone.
    public var left: [Int] = []
}

extension Pool {
    /// Makes all of the changes, in order. If one fails, the changes before it are undone. It is a single call, so a
    /// caller that stops waiting can't leave the image half changed. Use ``shrinkImage(named:id:toBytes:call:on:)`` for
    /// a smaller size.
    /// - Parameter id: the image's id, so that another image that has taken the name is not changed.
    /// - Throws: `CephError` if nothing was tried: `.imageNotFound`, `.imageBusy` (open elsewhere, or an advisory
    ///   lock), `.namespaceNotFound`. In the outcome also `.invalidMetadata`, `.invalidFeatures`, `.imageExists`,
    ///   `.imageReadOnly`, `.poolFull`.
    /// - C function: rbd_open_by_id, rbd_metadata_set, rbd_metadata_remove, rbd_update_features, rbd_resize2; and that
    ///   of ``renameImage(_:id:to:on:)``: rados_write_op_operate
    public func changeImage(named name: String, id: String, _ changes: [ImageChange]) async throws -> ImageChangeOutcome
    {
        let resource = resource(ofImage: name)
        return try await withContext(.changeImage, on: resource) { context throws(CephError) in
            var changed = ChangedImage(name: name, id: id, resource: resource)
            let image: OpenImage
            do throws(CephError) {
                image = try OpenImage(id: id, in: context, to: .write)
            } catch {
                throw CephError(error.code, .changeImage, on: resource, errno: error.errno, detail: error.detail)
            }
            try image.requireNoAdvisoryLock(.changeImage)
            var outcome = ImageChangeOutcome()
            var undo: [(index: Int, change: ImageChange)] = []
            for (index, change) in changes.enumerated() {
                do throws(CephError) {
                    let reverse = try changed.reverse(of: change, of: image)
                    try changed.make(change, of: image, in: context)
                    if let reverse { undo.append((index, reverse)) }
                } catch {
                    outcome.failure = (index, error)
                    break
                }
            }
            guard outcome.failure != nil else { return outcome }
            for (index, change) in undo.reversed() {
                do throws(CephError) {
                    try changed.make(change, of: image, in: context)
                } catch {
                    outcome.left.insert(index, at: 0)
                }
            }
            return outcome
        }
    }
}

/// An image that is being changed, with its current name.
private struct ChangedImage {
    var name: String
    let id: String
    let resource: CephError.Resource

    /// The change that undoes a change.
    /// - Returns: nil if nothing can be undone, or nothing must be.
    func reverse(of change: ImageChange, of image: borrowing OpenImage) throws(CephError) -> ImageChange? {
        switch change {
        case .metadata(let key, _): return .metadata(key: key, value: try image.metadata(key, on: resource))
        case .features(let features, let isEnabled):
            let now = try image.features()
            let changing = isEnabled ? features.subtracting(now) : features.intersection(now)
            return changing.isEmpty ? nil : .features(changing, isEnabled: !isEnabled)
        case .rename: return .rename(name)
        case .grow: return nil
        }
    }

    mutating func make(
        _ change: ImageChange,
        of image: borrowing OpenImage,
        in context: borrowing IOContext
    ) throws(CephError) {
        switch change {
        case .metadata(let key, let value): try image.setMetadata(key, to: value, on: resource)
        case .features(let features, let isEnabled):
            let now = try image.features()
            let changing = isEnabled ? features.subtracting(now) : features.intersection(now)
            guard !changing.isEmpty else { return }
            let result = rbd_update_features(image.pointer, changing.rawValue, isEnabled ? 1 : 0)
            if result == -EINVAL || result == -ENOSYS {
                throw CephError(.invalidFeatures, .changeImage, on: resource, errno: -result)
            }
            try check(result, .changeImage, on: resource)
        case .rename(let newName):
            try context.rename(RawName(name), id: id, to: RawName(newName))
            name = newName
        case .grow(let bytes):
            // Another client may have enlarged it since.
            try check(
                rbd_resize2(image.pointer, bytes, false, LongCall.ignore, nil),
                .changeImage,
                on: resource
            )
        }
    }
}

extension OpenImage {
    func sizeBytes() throws(CephError) -> UInt64 { try number(rbd_get_size) }

    /// - Returns: nil if the key is not set.
    fileprivate func metadata(_ key: String, on resource: CephError.Resource) throws(CephError) -> String? {
        try GrowingRoom.fill(from: 4096) {
            rbd_metadata_get(pointer, key, $0, &$1)
        } then: { (value: UnsafeMutablePointer<CChar>, _, result) throws(CephError) in
            if result == -ENOENT { return nil }
            try check(result, .changeImage, on: resource)
            return String(cString: value)
        }
    }

    fileprivate func setMetadata(
        _ key: String,
        to value: String?,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard let value else {
            let result = rbd_metadata_remove(pointer, key)
            // It no longer exists, whoever removed it.
            if result != -ENOENT { try check(result, .changeImage, on: resource) }
            return
        }
        let result = rbd_metadata_set(pointer, key, value)
        if result == -EINVAL {
            throw CephError(.invalidMetadata, .changeImage, on: resource, errno: EINVAL, detail: "the key \"\(key)\"")
        }
        try check(result, .changeImage, on: resource)
    }
}
