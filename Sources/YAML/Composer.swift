// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Builds the tree of a document from its events.
struct Composer {
    /// A finished node and what it would cost to put it somewhere again.
    private struct Piece {
        var node: YAMLNode
        /// Nodes in it, with every alias counted as what it stands for.
        var count: Int
        /// Levels in it, 1 for a scalar.
        var height: Int
    }

    private let events: EventReader
    private var anchors: [String: Piece] = [:]
    private var aliasedNodes = 0

    init(_ text: String) throws(YAMLError) {
        events = try EventReader(text)
    }

    mutating func document() throws(YAMLError) -> YAMLNode {
        _ = try events.next()  // the start of the stream
        guard let root = try next() else { return YAMLNode(.scalar("", isPlain: true), line: 1, column: 1) }
        let after = try events.next()
        guard case .streamEnd = after.kind else {
            throw Self.error(after, "a second document starts here; there may be only one")
        }
        return root
    }

    mutating func documents() throws(YAMLError) -> [YAMLNode] {
        _ = try events.next()  // the start of the stream
        var documents: [YAMLNode] = []
        while let root = try next() { documents.append(root) }
        return documents
    }

    /// The next document; nil at the end of the stream.
    private mutating func next() throws(YAMLError) -> YAMLNode? {
        guard case .documentStart = try events.next().kind else { return nil }
        // An anchor is known in its own document only.
        anchors = [:]
        let root = try piece(from: events.next(), depth: 1).node
        _ = try events.next()  // the end of the document
        return root
    }

    private mutating func piece(from event: EventReader.Event, depth: Int) throws(YAMLError) -> Piece {
        guard depth <= YAMLNode.maximumDepth else { throw Self.tooDeep(event) }
        if case .alias(let name) = event.kind {
            return try aliased(name, event: event, depth: depth)
        }
        let isText = try Self.isText(tag: event.tag, event: event)
        var result: Piece
        switch event.kind {
        case .scalar(let text, let isPlain):
            let node = YAMLNode(
                .scalar(text, isPlain: isPlain && !isText),
                line: event.line,
                column: event.column
            )
            result = Piece(node: node, count: 1, height: 1)
        case .sequenceStart: result = try sequence(from: event, depth: depth)
        case .mappingStart: result = try mapping(from: event, depth: depth)
        default: throw Self.error(event, "a value is missing here")
        }
        // Only now: an alias inside its own anchor would be a tree without end.
        if let anchor = event.anchor { anchors[anchor] = result }
        return result
    }

    private mutating func aliased(
        _ name: String,
        event: EventReader.Event,
        depth: Int
    ) throws(YAMLError) -> Piece {
        guard let target = anchors[name] else {
            throw Self.error(event, "the alias *\(name) comes before the end of its anchor &\(name), or there is none")
        }
        guard depth + target.height - 1 <= YAMLNode.maximumDepth else { throw Self.tooDeep(event) }
        aliasedNodes += target.count
        guard aliasedNodes <= YAMLNode.maximumAliasedNodes else {
            throw Self.error(event, "the aliases add up to more than \(YAMLNode.maximumAliasedNodes) nodes")
        }
        return target
    }

    private mutating func sequence(
        from start: EventReader.Event,
        depth: Int
    ) throws(YAMLError) -> Piece {
        var items: [YAMLNode] = []
        var count = 1
        var height = 1
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { break }
            let item = try piece(from: event, depth: depth + 1)
            items.append(item.node)
            count += item.count
            height = max(height, item.height + 1)
        }
        let node = YAMLNode(.sequence(items), line: start.line, column: start.column)
        return Piece(node: node, count: count, height: height)
    }

    private mutating func mapping(
        from start: EventReader.Event,
        depth: Int
    ) throws(YAMLError) -> Piece {
        var entries: [YAMLNode.Entry] = []
        var lines: [String: Int] = [:]
        var count = 1
        var height = 1
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            let key = try piece(from: event, depth: depth + 1).node
            guard let name = key.text else { throw Self.error(event, "a key must be a scalar") }
            if let first = lines.updateValue(event.line, forKey: name) {
                throw Self.error(event, "the key \"\(name)\" comes twice, first on line \(first)")
            }
            let value = try piece(from: events.next(), depth: depth + 1)
            entries.append(YAMLNode.Entry(key: name, line: event.line, value: value.node))
            count += value.count + 1
            height = max(height, value.height + 1)
        }
        let node = YAMLNode(.mapping(entries), line: start.line, column: start.column)
        return Piece(node: node, count: count, height: height)
    }

    /// Whether the tag says that a scalar is a text whatever it looks like.
    private static func isText(tag: String?, event: EventReader.Event) throws(YAMLError) -> Bool {
        guard let tag else { return false }
        let standard = "tag:yaml.org,2002:"
        if case .scalar = event.kind, tag == "!" || tag == standard + "str" { return true }
        let shown = tag.hasPrefix(standard) ? "!!" + tag.dropFirst(standard.count) : tag
        throw error(event, "the tag \(shown) is not supported")
    }

    private static func tooDeep(_ event: EventReader.Event) -> YAMLError {
        error(event, "the document is nested more than \(YAMLNode.maximumDepth) levels deep")
    }

    private static func error(_ event: EventReader.Event, _ reason: String) -> YAMLError {
        YAMLError(line: event.line, column: event.column, reason: reason)
    }
}
