// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import YAML

/// A PersistentVolume as somebody has written it.
struct VolumeManifest: Sendable, CustomStringConvertible {
    var name: String
    /// The file and the line.
    var source: String
    private var content: OrderedValue

    /// As it goes to the service: what it does not need, such as the fields' managers, stays here.
    var json: String {
        get throws { try content.json() }
    }

    var description: String { "\(name) (\(source))" }

    private static let extensions: Set<String> = ["yaml", "yml", "json"]
    /// Of whose annotations the service looks at.
    private static let annotations = "rbd-rest-api.io/"

    /// All volumes of a file, of the files of a directory, or of standard input (`-`).
    /// - Throws: ``Failure``, which names the file and the line.
    static func read(_ path: String, isRecursive: Bool) throws -> [VolumeManifest] {
        if path == "-" {
            var text = ""
            while let line = readLine(strippingNewline: false) { text += line }
            return try volumes(in: text, source: "standard input")
        }
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw Failure(.usage, "there is no file \"\(path)\"", hint: "-f takes a file, a directory or -")
        }
        guard isDirectory else { return try volumes(inFile: path) }
        return try files(in: path, isRecursive: isRecursive).flatMap(volumes(inFile:))
    }

    /// In the order of their names.
    private static func files(in directory: String, isRecursive: Bool) throws -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
            throw Failure(.usage, "\"\(directory)\" can't be read")
        }
        return try names.sorted().flatMap { name -> [String] in
            let path = directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
            var isDirectory = false
            _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
            if isDirectory { return isRecursive ? try files(in: path, isRecursive: true) : [] }
            return extensions.contains { name.hasSuffix(".\($0)") } ? [path] : []
        }
    }

    private static func volumes(inFile path: String) throws -> [VolumeManifest] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.usage, "\"\(path)\" can't be read")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw Failure(.refused, "\"\(path)\" is not UTF-8")
        }
        return try volumes(in: text, source: path)
    }

    static func volumes(in text: String, source: String) throws -> [VolumeManifest] {
        do {
            return try YAMLNode.parseAll(text).flatMap { try volumes(in: $0, source) }
        } catch let error as YAMLError {
            throw Failure(.refused, "\(source), line \(error.line): \(error.reason)")
        }
    }

    /// Those of a list too, whatever kind of list it is. What else there is passes.
    private static func volumes(in node: YAMLNode, _ source: String) throws -> [VolumeManifest] {
        if node.isNull { return [] }
        let place = "\(source), line \(node.line)"
        guard node.entries != nil, let kind = node["kind"]?.text else {
            throw Failure(.refused, "\(place): it has no kind, and is no manifest of Kubernetes'")
        }
        if kind.hasSuffix("List"), let items = node["items"], !items.isNull {
            guard let items = items.items else { throw Failure(.refused, "\(place): items is no list") }
            return try items.flatMap { try volumes(in: $0, source) }
        }
        guard kind == "PersistentVolume" else { return [] }
        guard let version = node["apiVersion"]?.text else {
            throw Failure(.refused, "\(place): it has no apiVersion", hint: "write apiVersion: v1")
        }
        // The name of another group's kind.
        guard version == "v1" else { return [] }
        return [VolumeManifest(node, source: "\(source):\(node.line)")]
    }

    private init(_ node: YAMLNode, source: String) {
        let metadata = node["metadata"]
        name = metadata?["name"]?.text ?? metadata?["generateName"]?.text ?? ""
        self.source = source
        var told: [OrderedValue.Member] = []
        if let name = metadata?["name"] { told.append(.init("name", OrderedValue(name))) }
        if let annotations = metadata?["annotations"]?.entries {
            let ours = annotations.filter { $0.key.hasPrefix(Self.annotations) }
            told.append(.init("annotations", .object(ours.map { .init($0.key, OrderedValue($0.value)) })))
        }
        content = .object([
            .init("apiVersion", .string("v1")), .init("kind", .string("PersistentVolume")),
            .init("metadata", .object(told)),
            .init("spec", node["spec"].map { OrderedValue($0) } ?? .null),
        ])
    }
}

extension OrderedValue {
    /// A node as kubectl turns it into JSON: plain scalars by the rules of YAML 1.1.
    fileprivate init(_ node: YAMLNode) {
        switch node.content {
        case .mapping(let entries): self = .object(entries.map { Member($0.key, OrderedValue($0.value)) })
        case .sequence(let items): self = .array(items.map { OrderedValue($0) })
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

    /// As JSON has numbers. What looks like another kind of number, such as 0x10, stays a text, and is told as one.
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
