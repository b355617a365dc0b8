// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Crypto
import HTTPTypes
import Hummingbird
import NIOCore
import RBDAPI

/// An `ETag` (RFC 9110, section 8.8.3) of an image or a list of images. It is made of what the API shows. So all
/// replicas compute the same tag, and it changes only if the shown state has changed.
struct EntityTag: Hashable, Sendable {
    /// As it is sent, with its quotes.
    let text: String

    /// The weak form, for states that may be sent as different bytes, such as compressed ones.
    var weakText: String { "W/\(text)" }

    init(_ image: RBDAPI.Image) {
        var image = image
        // The state leaves out who uses the image, what was written to it and when, and what other programs do to it.
        (image.usage, image.watchers, image.children) = (nil, nil, nil)
        (image.mirroring, image.migration, image.encryption) = (nil, nil, nil)
        (image.modifiedAt, image.accessedAt) = (nil, nil)
        self.init(of: SeenJSON(image: Seen(image)).buffer)
    }

    /// - Parameter state: the bytes that the tag identifies.
    init(of state: ByteBuffer) {
        var function = SHA256()
        state.withUnsafeReadableBytes { function.update(bufferPointer: $0) }
        text = "\"\(function.finalize().prefix(16).hexadecimal)\""
    }
}

/// The tags in a header.
private enum EntityTagList {
    /// `*`: any state.
    case any
    case tags([(text: String, isWeak: Bool)])

    /// - Returns: nil if the text is not a list of tags.
    init?(_ text: String) {
        var rest = text.utf8[...]
        var tags: [(text: String, isWeak: Bool)] = []
        func skip(_ bytes: StaticString) {
            rest = rest.drop { byte in bytes.withUTF8Buffer { $0.contains(byte) } }
        }
        skip(" \t,")
        if String(rest)?.trimmed == "*" {
            self = .any
            return
        }
        while !rest.isEmpty {
            let isWeak = rest.starts(with: "W/".utf8)
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == UInt8(ascii: "\"") else { return nil }
            let content = rest.dropFirst().prefix { $0 == 0x21 || ($0 > 0x22 && $0 != 0x7F) }
            rest = rest.dropFirst(content.count + 1)
            guard rest.first == UInt8(ascii: "\"") else { return nil }
            rest = rest.dropFirst()
            tags.append(("\"\(String(content) ?? "")\"", isWeak))
            skip(" \t")
            guard rest.isEmpty || rest.first == UInt8(ascii: ",") else { return nil }
            skip(" \t,")
        }
        if tags.isEmpty { return nil }
        self = .tags(tags)
    }

    func has(_ tag: EntityTag?, weakly: Bool) -> Bool {
        guard let tag else { return false }
        return switch self {
        case .any: true
        case .tags(let tags): tags.contains { $0.text == tag.text && (weakly || !$0.isWeak) }
        }
    }
}

extension String {
    fileprivate var trimmed: Substring {
        var rest = drop { $0 == " " || $0 == "\t" }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}

/// A request's condition on its image: `If-Match` and `If-None-Match` (RFC 9110, section 13.1).
struct Precondition: Sendable {
    /// No condition.
    static let none = Precondition()

    private var match: EntityTagList?
    private var noneMatch: EntityTagList?

    var isEmpty: Bool { match == nil && noneMatch == nil }

    private init() {}

    /// - Throws: `Problem` with `invalid-parameter`.
    init(_ request: Request) throws(Problem) {
        match = try Self.list(request, .ifMatch)
        noneMatch = try Self.list(request, .ifNoneMatch)
    }

    private static func list(_ request: Request, _ name: HTTPField.Name) throws(Problem) -> EntityTagList? {
        let values = request.headers[values: name]
        guard !values.isEmpty else { return nil }
        guard let list = EntityTagList(values.joined(separator: ",")) else {
            throw Query.invalid(
                name.rawName,
                "it is not a list of entity tags",
                remedy: .readTag
            )
        }
        return list
    }

    /// Must be called while the image is claimed, right before the change.
    /// - Parameter image: nil if it does not exist.
    /// - Throws: `Problem` with `precondition-failed`.
    func check(_ image: RBDAPI.Image?) throws(Problem) {
        if isEmpty { return }
        let tag = image.map(EntityTag.init)
        if let match, !match.has(tag, weakly: false) {
            let state = image.map { "image \"\($0.spec)\" has changed since" } ?? "the image does not exist"
            throw Problem(
                .preconditionFailed,
                detail: "If-Match: \(state)",
                field: "If-Match",
                remedy: .readTag
            )
        }
        if let noneMatch, noneMatch.has(tag, weakly: true) {
            throw Problem(
                .preconditionFailed,
                detail: "If-None-Match: image \"\(image?.spec ?? "")\" exists, and its ETag is in the header",
                field: "If-None-Match",
                remedy: .leaveOutHeader("If-None-Match")
            )
        }
    }

    /// Whether the caller already has this state.
    func isUnchanged(_ tag: EntityTag) -> Bool {
        noneMatch?.has(tag, weakly: true) ?? false
    }
}

extension Answer {
    /// The answer with one image and its ETag.
    static func image(
        _ image: RBDAPI.Image,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Answer {
        var headers = headers
        headers[.eTag] = EntityTag(image).text
        return .json(SeenJSON(image: Seen(image)), status: status, headers: headers)
    }
}
