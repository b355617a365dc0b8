// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// How an image is mirrored to another cluster.
public struct ImageMirroring: Hashable, Sendable {
    public enum Mode: String, Hashable, Sendable {
        case journal, snapshot
    }

    public enum State: String, Hashable, Sendable {
        case enabled, disabling
    }

    /// Nil for a mode that librbd does not know.
    public var mode: Mode?
    /// Nil for a state that librbd does not know.
    public var state: State?
    /// The image's id, which is the same in all clusters.
    public var globalID: String
    /// Whether the image in this cluster is the primary, which is written to. Other clusters have read-only copies.
    public var isPrimary: Bool

    /// The error for a change to a copy of another cluster's image.
    public static func refusal(_ operation: CephError.Operation, on resource: CephError.Resource) -> CephError {
        CephError(.imageReadOnly, operation, on: resource, detail: "it is mirrored from another cluster")
    }
}

extension OpenImage {
    /// - Throws: `CephError` with `.imageReadOnly` if it is the copy of another cluster's image.
    func requireNoCopy(_ operation: CephError.Operation) throws(CephError) {
        if try mirroring()?.isPrimary == false { throw ImageMirroring.refusal(operation, on: resource) }
    }

    /// - Returns: nil if the image is not mirrored.
    func mirroring() throws(CephError) -> ImageMirroring? {
        var info = rbd_mirror_image_info_t()
        let size = MemoryLayout<rbd_mirror_image_info_t>.size
        let result = rbd_mirror_image_get_info(pointer, &info, size)
        if result == -ENOENT { return nil }
        try check(result, .readImage, on: resource)
        defer { rbd_mirror_image_get_info_cleanup(&info) }
        guard info.state != RBD_MIRROR_IMAGE_DISABLED else { return nil }
        var mode = rbd_mirror_image_mode_t(rawValue: 0)
        try check(rbd_mirror_image_get_mode(pointer, &mode), .readImage, on: resource)
        return ImageMirroring(
            mode: mode == RBD_MIRROR_IMAGE_MODE_JOURNAL
                ? .journal : mode == RBD_MIRROR_IMAGE_MODE_SNAPSHOT ? .snapshot : nil,
            state: info.state == RBD_MIRROR_IMAGE_ENABLED
                ? .enabled : info.state == RBD_MIRROR_IMAGE_DISABLING ? .disabling : nil,
            globalID: info.global_id.map { String(cString: $0) } ?? "",
            isPrimary: info.primary
        )
    }
}
