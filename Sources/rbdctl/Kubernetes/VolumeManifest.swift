// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import YAML

/// A PersistentVolume from a manifest.
struct VolumeManifest: Sendable, CustomStringConvertible {
    var name: String
    /// The file and the line.
    var source: String
    private var content: OrderedValue

    /// The part that is sent to the service. Fields that it does not need, such as managed fields, are left out.
    var json: String {
        get throws { try content.json() }
    }

    var description: String { "\(name) (\(source))" }

    /// The annotations that the service reads: its own, and that of a provisioner, which also made the image.
    private static func isTold(_ annotation: String) -> Bool {
        annotation.hasPrefix("rbd-rest-api.io/") || annotation == "pv.kubernetes.io/provisioned-by"
    }

    /// All volumes of a file, of the files of a directory, or of standard input (`-`).
    /// - Throws: ``Failure``, which names the file and the line.
    static func read(_ path: String, isRecursive: Bool) throws -> [VolumeManifest] {
        try ManifestFile.read(path, isRecursive: isRecursive).flatMap { try volumes(in: $0.text, source: $0.name) }
    }

    static func volumes(in text: String, source: String) throws -> [VolumeManifest] {
        do {
            return try YAMLNode.parseAll(text).flatMap { try volumes(in: $0, source) }
        } catch let error as YAMLError {
            throw Failure(.refused, "\(source), line \(error.line): \(error.reason)")
        }
    }

    /// Includes the volumes of a list. All other objects are ignored, even if they are unusual.
    /// - Parameter list: the type of a list's items if they do not name it.
    private static func volumes(
        in node: YAMLNode,
        _ source: String,
        of list: ItemType? = nil
    ) throws -> [VolumeManifest] {
        if node.isNull { return [] }
        let place = "\(source), line \(node.line)"
        var kind = try word("kind", of: node)
        var version = try word("apiVersion", of: node)
        if kind == nil, version == nil, let list { (kind, version) = (list.kind, list.version) }
        guard node.entries != nil, let kind else {
            throw Failure(.refused, "\(place): the object has no kind, so it is not a Kubernetes manifest")
        }
        guard let version else {
            guard ["PersistentVolume", "PersistentVolumeList", "List"].contains(kind) else { return [] }
            throw Failure(.refused, "\(place): the object has no apiVersion", hint: "write apiVersion: v1")
        }
        // A kind of another API group may end in List and not be a list.
        guard version == "v1" else { return [] }
        if kind.hasSuffix("List"), let items = try node["items"]?.checked, !items.isNull {
            guard let items = items.items else { throw Failure(.refused, "\(place): items is not a list") }
            // The form that `kubectl get --raw` prints.
            let type = ItemType(kind: String(kind.dropLast("List".count)).nonEmpty, version: version)
            return try items.flatMap { try volumes(in: $0, source, of: type) }
        }
        guard kind == "PersistentVolume" else { return [] }
        return [try VolumeManifest(node, source: "\(source):\(node.line)")]
    }

    private struct ItemType {
        var kind: String?
        var version: String
    }

    /// - Returns: nil if the key is missing, or its value is not a text.
    private static func word(_ key: String, of node: YAMLNode) throws(YAMLError) -> String? {
        guard let value = node[key], !value.isNull else { return nil }
        return try value.checked.text?.nonEmpty
    }

    private init(_ node: YAMLNode, source: String) throws(YAMLError) {
        let metadata = try node["metadata"]?.checked
        name = metadata?["name"]?.text ?? metadata?["generateName"]?.text ?? ""
        self.source = source
        var told: [OrderedValue.Member] = []
        if let name = metadata?["name"] { told.append(.init("name", try OrderedValue(name))) }
        if let annotations = try metadata?["annotations"]?.checked.entries {
            var members: [OrderedValue.Member] = []
            for entry in annotations where Self.isTold(entry.key) {
                members.append(.init(entry.key, try OrderedValue(entry.value)))
            }
            told.append(.init("annotations", .object(members)))
        }
        var spec = OrderedValue.null
        if let node = node["spec"] { spec = try OrderedValue(node) }
        content = .object([
            .init("apiVersion", .string("v1")), .init("kind", .string("PersistentVolume")),
            .init("metadata", .object(told)), .init("spec", spec),
        ])
    }
}

extension YAMLNode {
    /// The node, if its value is unambiguous.
    fileprivate var checked: YAMLNode {
        get throws(YAMLError) {
            guard let objection else { return self }
            throw YAMLError(line: line, column: column, reason: objection)
        }
    }
}

extension OrderedValue {
    /// A node as kubectl converts it to JSON: plain scalars follow the rules of YAML 1.1.
    fileprivate init(_ node: YAMLNode) throws(YAMLError) {
        switch try node.checked.content {
        case .mapping(let entries):
            var members: [Member] = []
            for entry in entries { members.append(Member(entry.key, try OrderedValue(entry.value))) }
            self = .object(members)
        case .sequence(let items):
            var values: [OrderedValue] = []
            for item in items { values.append(try OrderedValue(item)) }
            self = .array(values)
        case .scalar(let text, isPlain: false): self = .string(text)
        case .scalar(let text, isPlain: true):
            if node.isNull {
                self = .null
            } else if let flag = Self.flags[text.lowercased()] {
                self = .bool(flag)
            } else {
                self = Self.number(text) ?? .string(text)
            }
        }
    }

    private static let flags = ["true": true, "yes": true, "on": true, "false": false, "no": false, "off": false]

    /// A number in the form of JSON. Any other kind of number, such as 0x10, stays a text, and is sent as one.
    private static func number(_ text: String) -> OrderedValue? {
        let digits = text.hasPrefix("-") ? text.dropFirst() : Substring(text)
        guard let first = digits.first, first.isASCII, first.isNumber else { return nil }
        guard !digits.hasPrefix("0") || digits == "0" || digits.hasPrefix("0.") else { return nil }
        if let integer = Int128(text) { return .integer(integer) }
        guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }), let number = Double(text),
            number.isFinite
        else { return nil }
        return .double(number)
    }
}
