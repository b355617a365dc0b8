// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// The parameters of a list: which images it has, in which order, and with which fields.
struct ImageQuery: Sendable {
    var prefix = ""
    var pattern: NamePattern?
    /// An image must have all of these features.
    var features: ImageFeatures = []
    var minimumSize: UInt64?
    var maximumSize: UInt64?
    var sort = ImageSort.name
    var isDescending = false
    /// Nil if the request does not set it.
    var limit: Int?
    /// How many items a page has.
    var pageItems: Int
    var cursor: ImageCursor?
    var fields: Set<String> = []

    static let parameters: Set<String> = [
        "limit", "cursor", "prefix", "name~", "feature", "minSize", "maxSize", "sort", "order", "fields",
    ]

    /// - Throws: `Problem` with `invalid-parameter`.
    init(_ query: Query) throws(Problem) {
        prefix = query["prefix"] ?? ""
        pattern = query["name~"].map(NamePattern.init)
        let names = (query["feature"] ?? "").split(separator: ",").map(String.init)
        features = try ImageFeatures.named(names, among: .known) { name, hint in
            Query.invalid("feature", "there is no feature \"\(name)\"", hint: hint)
        }
        minimumSize = try Self.size("minSize", query)
        maximumSize = try Self.size("maxSize", query)
        if let minimumSize, let maximumSize, minimumSize > maximumSize {
            throw Query.invalid("maxSize", "it is less than minSize")
        }
        fields = try query.fields(known: ImageService.fields)
        pageItems = try query.limit()
        limit = query["limit"] == nil ? nil : pageItems
        if let text = query["sort"] {
            guard let sort = ImageSort(rawValue: text) else {
                let known = ImageSort.allCases.map(\.rawValue).joined(separator: ", ")
                throw Query.invalid("sort", "it must be one of \(known)")
            }
            self.sort = sort
        }
        switch query["order"] {
        case nil, "asc": break
        case "desc": isDescending = true
        default: throw Query.invalid("order", "it must be asc or desc")
        }
        if let text = query["cursor"] { cursor = try Self.cursor(text, sort) }
    }

    private static func cursor(_ text: String, _ sort: ImageSort) throws(Problem) -> ImageCursor {
        guard let cursor = ImageCursor(text) else { throw Query.notACursor }
        guard cursor.sort == sort else {
            throw Query.invalid(
                "cursor",
                "it belongs to a list that is sorted by \(cursor.sort.rawValue)",
                hint: "leave the other parameters unchanged, or start again without a cursor"
            )
        }
        return cursor
    }

    private static func size(_ name: String, _ query: Query) throws(Problem) -> UInt64? {
        guard let text = query[name] else { return nil }
        do {
            return try ByteCount(parsing: text).bytes
        } catch {
            throw Query.invalid(name, error.reason, hint: "write bytes, or a number with a unit such as 10GiB")
        }
    }

    /// Whether the filters need the images' headers.
    var asksHeaders: Bool { !features.isEmpty || minimumSize != nil || maximumSize != nil }

    /// Whether the list has the order in which the directory is read.
    var isInDirectoryOrder: Bool { sort == .name && !isDescending }

    /// Whether an image passes the filters other than those on its name.
    func matches(_ image: ImageInfo) -> Bool {
        // Nothing is known about an image that can't be read. It passes only if there is no filter on headers.
        if image.trouble != nil { return !asksHeaders }
        return image.features.isSuperset(of: features)
            && minimumSize.map { image.sizeBytes >= $0 } ?? true
            && maximumSize.map { image.sizeBytes <= $0 } ?? true
    }

    /// Whether the left image comes first in the list.
    func precedes(_ left: ImageCursor, _ right: ImageCursor) -> Bool {
        isDescending ? right < left : left < right
    }
}
