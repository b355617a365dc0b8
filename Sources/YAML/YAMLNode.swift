// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A piece of a YAML or JSON document together with its place in the text, so that whoever reads it can say
/// where a value is wrong.
///
/// Scalars stay texts: what `10`, `on` or `null` mean is for the reader to decide, who knows what is expected there.
/// ``parse(_:)`` reads JSON as the YAML that it is, except that `\ud83d\ude00`, a character escaped in two halves, is refused.
public struct YAMLNode: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// `isPlain` tells `10` and `null` from `"10"` and `"null"`, which are always texts.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the document; no key comes twice.
        case mapping([Entry])
    }

    public struct Entry: Hashable, Sendable {
        public var key: String
        /// The line of the key, 1-based.
        public var line: Int
        public var value: YAMLNode

        public init(key: String, line: Int, value: YAMLNode) {
            self.key = key
            self.line = line
            self.value = value
        }
    }

    public var content: Content
    /// 1-based. What an alias stands for carries the line of its anchor.
    public var line: Int
    /// 1-based, in characters.
    public var column: Int
    /// Why ``parse(_:)`` would have refused the node, where ``parseAll(_:)`` leaves that to whoever needs it.
    public var objection: String?

    public init(_ content: Content, line: Int, column: Int) {
        self.content = content
        self.line = line
        self.column = column
    }

    /// Reads one document; an empty text is a plain empty scalar, which is YAML's null.
    ///
    /// Refused, because each hides a mistake or an attack: a key that comes twice, a key that is not a scalar, a second
    /// document, tags other than `!!str`, more than ``maximumDepth`` levels, and aliases that add up to more than
    /// ``maximumAliasedNodes`` nodes.
    public static func parse(_ text: String) throws(YAMLError) -> YAMLNode {
        var composer = try Composer(text)
        return try composer.document()
    }

    /// Reads all documents of a text that holds more than what we look for, such as Kubernetes' manifests, as kubectl does. Empty ones
    /// are null; there is none in an empty text.
    ///
    /// With the rules of ``parse(_:)`` for each document, except that
    /// - JSON objects may follow each other with nothing in between, and may hold characters that are escaped in two halves;
    /// - `<<` takes in the entries of a mapping, or of several in a sequence, of which the first that has a key decides. A key that is
    ///   written below it decides before them; one that is written above it gets an ``objection``, for there kubectl goes by what comes
    ///   last, and others by what is written;
    /// - tags other than `!!str` are an ``objection`` and no more.
    public static func parseAll(_ text: String) throws(YAMLError) -> [YAMLNode] {
        let objects = JSONStream.objects(in: text) ?? []
        do {
            // One object alone may also be YAML that only looks like JSON, and is told as that where it is wrong.
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

    /// Nothing, `~` or `null`, not quoted.
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

    /// The value of a mapping's key; nil where there is no such key or no mapping.
    public subscript(key: String) -> YAMLNode? {
        entries?.first { $0.key == key }?.value
    }
}
