// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A part of a YAML or JSON document with its position in the text, so that its reader can say where a value is wrong.
///
/// Scalars stay texts: the reader knows what is expected, and decides what `10`, `on` or `null` mean. ``parse(_:)``
/// reads JSON as YAML, except that `\ud83d\ude00`, a character escaped in two halves, is refused.
public struct YAMLNode: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// `isPlain` tells `10` and `null` from `"10"` and `"null"`, which are always texts.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the document. Each key occurs once.
        case mapping([Entry])
    }

    public struct Entry: Hashable, Sendable {
        public var key: String
        /// The line of the key, 1-based.
        public var line: Int
        public var value: YAMLNode
    }

    public var content: Content
    /// 1-based. The node of an alias has the line of its anchor.
    public var line: Int
    /// 1-based, in characters.
    public var column: Int
    /// Why ``parse(_:)`` would have refused the node, if ``parseAll(_:)`` leaves that decision to the reader.
    public var objection: String?

    /// Reads one document; an empty text is a plain empty scalar, which is YAML's null.
    ///
    /// The following are refused, because each hides a mistake or an attack: a repeated key, a key that is not a
    /// scalar, a second document, tags other than `!!str`, more than ``maximumDepth`` levels, and aliases that add up
    /// to more than ``maximumAliasedNodes`` nodes.
    public static func parse(_ text: String) throws(YAMLError) -> YAMLNode {
        var composer = try Composer(text)
        return try composer.document()
    }

    /// Reads all documents of a text as kubectl does. The text may contain more than the reader needs, like Kubernetes
    /// manifests. Empty documents are null; an empty text has no documents.
    ///
    /// The rules of ``parse(_:)`` apply to each document, except that
    /// - JSON objects may follow each other without a separator, and may contain characters that are escaped in two
    ///   halves;
    /// - `<<` merges the entries of a mapping, or of several in a sequence, of which the first that has a key counts. A
    ///   key below the `<<` takes precedence over them. A key above it gets an ``objection``, because kubectl uses the
    ///   last value, and other readers use the mapping's own value;
    /// - tags other than `!!str` are only an ``objection``.
    public static func parseAll(_ text: String) throws(YAMLError) -> [YAMLNode] {
        let objects = JSONStream.objects(in: text) ?? []
        do {
            // A single object may also be YAML that only looks like JSON. Its errors are then reported as errors of
            // YAML.
            if !objects.isEmpty { return try objects.map(parse) }
        } catch {
            if objects.count > 1 { throw error }
        }
        var composer = try Composer(text, isStrict: false)
        return try composer.documents()
    }

    private static func parse(_ object: JSONStream.Object) throws(YAMLError) -> YAMLNode {
        var composer = try Composer(object.text, at: object.origin, isStrict: false)
        return try composer.document()
    }

    public static let maximumDepth = 100
    public static let maximumAliasedNodes = 100_000
}

extension YAMLNode {
    /// The text of a scalar, plain or quoted; nil for a sequence or a mapping.
    public var text: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return text
    }

    /// Empty, `~` or `null`, not quoted.
    public var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The nodes of a sequence; nil for anything else.
    public var items: [YAMLNode]? {
        guard case .sequence(let items) = content else { return nil }
        return items
    }

    /// The entries of a mapping; nil for anything else.
    public var entries: [Entry]? {
        guard case .mapping(let entries) = content else { return nil }
        return entries
    }

    /// The value of a mapping's key; nil if there is no such key, or this is not a mapping.
    public subscript(key: String) -> YAMLNode? {
        entries?.first { $0.key == key }?.value
    }
}
