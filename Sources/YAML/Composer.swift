// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Builds the tree of a document from its events.
struct Composer {
    /// A finished node, and the cost of using it again as an alias.
    private struct Piece {
        var node: YAMLNode
        /// The number of nodes in it, where each alias counts as many nodes as its anchor.
        var count: Int
        /// The number of levels in it, 1 for a scalar.
        var height: Int
    }

    private let events: EventReader
    /// Whether to refuse everything that hides a mistake; else see ``YAMLNode/parseAll(_:)``.
    private let isStrict: Bool
    private var anchors: [String: Piece] = [:]
    private var aliasedNodes = 0

    init(_ text: String, at origin: EventReader.Origin = .init(), isStrict: Bool = true) throws(YAMLError) {
        events = try EventReader(text, at: origin)
        self.isStrict = isStrict
    }

    mutating func document() throws(YAMLError) -> YAMLNode {
        _ = try events.next()  // the start of the stream
        guard let root = try next() else { return YAMLNode(content: .scalar("", isPlain: true), line: 1, column: 1) }
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
        // An anchor is known only in its own document.
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
        let tag = Tag(event)
        if isStrict, let objection = tag.objection { throw Self.error(event, objection) }
        var result: Piece
        switch event.kind {
        case .scalar(let text, let isPlain):
            let content = YAMLNode.Content.scalar(text, isPlain: isPlain && tag != .text)
            let node = YAMLNode(content: content, line: event.line, column: event.column)
            result = Piece(node: node, count: 1, height: 1)
        case .sequenceStart: result = try sequence(from: event, depth: depth)
        case .mappingStart: result = try mapping(from: event, depth: depth)
        default: throw Self.error(event, "a value is missing here")
        }
        result.node.objection = tag.objection
        // The anchor is set only now: an alias inside its own anchor would be an infinite tree.
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
        let node = YAMLNode(content: .sequence(items), line: start.line, column: start.column)
        return Piece(node: node, count: count, height: height)
    }

    private mutating func mapping(
        from start: EventReader.Event,
        depth: Int
    ) throws(YAMLError) -> Piece {
        var entries: [YAMLNode.Entry] = []
        var lines: [String: Int] = [:]
        var merge: (value: YAMLNode, start: Int)?
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
            var value = try piece(from: events.next(), depth: depth + 1)
            // Merged nodes are counted as written, which is at least as much as the result.
            count += value.count + 1
            height = max(height, value.height + 1)
            if !isStrict, Self.isMerge(event) {
                merge = (value.node, entries.count)
                continue
            }
            value.node.objection = value.node.objection ?? key.objection
            entries.append(YAMLNode.Entry(key: name, line: event.line, value: value.node))
        }
        if let merge { try Self.merge(merge.value, into: &entries, after: merge.start) }
        let node = YAMLNode(content: .mapping(entries), line: start.line, column: start.column)
        return Piece(node: node, count: count, height: height)
    }

    /// A key that merges the entries of other mappings: `<<`, neither quoted nor tagged as a text.
    private static func isMerge(_ event: EventReader.Event) -> Bool {
        guard case .scalar("<<", isPlain: true) = event.kind else { return false }
        return event.tag == nil || event.tag == Tag.standard + "merge"
    }

    /// Adds the entries of one or several mappings to the mapping's own entries.
    /// - Parameter start: the number of entries above the `<<`.
    private static func merge(
        _ value: YAMLNode,
        into entries: inout [YAMLNode.Entry],
        after start: Int
    ) throws(YAMLError) {
        var places: [String: Int] = [:]
        for (place, entry) in entries.enumerated() { places[entry.key] = place }
        for source in value.items ?? [value] {
            guard let others = source.entries else {
                let reason = "<< takes a mapping, or several in a sequence"
                throw YAMLError(line: value.line, column: value.column, reason: reason)
            }
            for other in others {
                guard let place = places[other.key] else {
                    places[other.key] = entries.count
                    entries.append(other)
                    continue
                }
                guard place < start else { continue }
                entries[place].value.objection =
                    "the key \"\(other.key)\" comes again with the << below it, and not every program takes the same one; "
                    + "write << first"
            }
        }
    }

    private static func tooDeep(_ event: EventReader.Event) -> YAMLError {
        error(event, "the document is nested more than \(YAMLNode.maximumDepth) levels deep")
    }

    private static func error(_ event: EventReader.Event, _ reason: String) -> YAMLError {
        YAMLError(line: event.line, column: event.column, reason: reason)
    }
}

/// The meaning of a node's tag.
private enum Tag: Equatable {
    static let standard = "tag:yaml.org,2002:"

    case none
    /// A scalar is a text, whatever it looks like.
    case text
    /// The tag as it is written.
    case unknown(String)

    init(_ event: EventReader.Event) {
        guard let tag = event.tag else {
            self = .none
            return
        }
        if case .scalar = event.kind, tag == "!" || tag == Self.standard + "str" {
            self = .text
        } else {
            self = .unknown(tag.hasPrefix(Self.standard) ? "!!" + tag.dropFirst(Self.standard.count) : tag)
        }
    }

    var objection: String? {
        guard case .unknown(let tag) = self else { return nil }
        return "the tag \(tag) is not supported"
    }
}
