// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials

/// The sort key of a list of images.
enum ImageSort: String, CaseIterable, Sendable {
    case name, size, created

    /// The value to sort by, before the name.
    func key(of image: ImageInfo) -> UInt64 {
        switch self {
        case .name: 0
        case .size: image.sizeBytes
        // In microseconds: a time is a floating-point number, which has no more.
        case .created: image.createdAt.map { UInt64(max(0, $0.timeIntervalSince1970 * 1e6)) } ?? 0
        }
    }
}

/// The end of a page of images, opaque to callers. It names the last image, not its index, because images may be
/// created and deleted before the next page is read.
struct ImageCursor: Hashable, Comparable, Sendable {
    var sort: ImageSort
    var key: UInt64
    var position: ImagePosition

    init(_ image: ImageInfo, _ sort: ImageSort) {
        self.sort = sort
        key = sort.key(of: image)
        position = image.position
    }

    /// A cursor in a list that is sorted by name.
    init(position: ImagePosition) {
        (sort, key) = (.name, 0)
        self.position = position
    }

    init?(_ text: String) {
        guard let data = Base64URL.decode(text) else { return nil }
        // No name and no id can contain a zero byte.
        let parts = data.split(separator: 0, omittingEmptySubsequences: false)
        switch parts.count {
        case 2: (sort, key) = (.name, 0)
        case 4:
            guard let sort = ImageSort(rawValue: String(decoding: parts[0], as: UTF8.self)), sort != .name,
                let key = UInt64(String(decoding: parts[1], as: UTF8.self))
            else { return nil }
            (self.sort, self.key) = (sort, key)
        default: return nil
        }
        guard let name = parts.dropLast().last, !name.isEmpty,
            let id = String(validating: parts[parts.count - 1], as: UTF8.self)
        else { return nil }
        position = ImagePosition(name: Array(name), id: id)
    }

    var text: String {
        let prefix = sort == .name ? "" : "\(sort.rawValue)\0\(key)\0"
        return Base64URL.encode(Array(prefix.utf8) + position.name + [0] + Array(position.id.utf8))
    }

    static func < (left: ImageCursor, right: ImageCursor) -> Bool {
        left.key == right.key ? left.position < right.position : left.key < right.key
    }
}
