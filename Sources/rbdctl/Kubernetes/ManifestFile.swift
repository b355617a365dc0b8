// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// The text of a file that `-f` names.
struct ManifestFile: Sendable {
    /// The path, or a name for standard input.
    var name: String
    var text: String

    private static let extensions: Set<String> = ["yaml", "yml", "json"]

    /// A file, the files of a directory, or standard input (`-`).
    /// - Throws: ``Failure``, which names the file.
    static func read(_ path: String, isRecursive: Bool) throws -> [ManifestFile] {
        if path == "-" { return [try ManifestFile("standard input (-)", Console.input())] }
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw Failure(.usage, "the file \"\(path)\" does not exist", hint: "-f takes a file, a directory or -")
        }
        return try (isDirectory ? files(in: path, isRecursive: isRecursive) : [path]).map(ManifestFile.init(path:))
    }

    /// Sorted by name.
    ///
    /// A mounted ConfigMap has links to the files of a hidden directory, `..2024_10_16_17_06_44.12345`, which `..data`
    /// also links to. Like kubectl, this reads linked files but no linked directories. Unlike kubectl, it does not read
    /// hidden directories, where each file would appear a second time.
    private static func files(in directory: String, isRecursive: Bool) throws -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
            throw Failure(.usage, "\"\(directory)\" can't be read")
        }
        return try names.sorted().flatMap { name -> [String] in
            let path = directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
            var isDirectory = false
            _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
            if isDirectory {
                guard isRecursive, !name.hasPrefix(".."), !isLink(path) else { return [] }
                return try files(in: path, isRecursive: true)
            }
            return extensions.contains { name.hasSuffix(".\($0)") } ? [path] : []
        }
    }

    private static func isLink(_ path: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.type] as? FileAttributeType == .typeSymbolicLink
    }

    private init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.usage, "\"\(path)\" can't be read")
        }
        try self.init(path, data)
    }

    /// - Parameter bytes: invalid UTF-8 is not repaired, because the repaired text could be another name.
    private init(_ name: String, _ bytes: some Sequence<UInt8>) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.refused, "\(name) is not UTF-8")
        }
        (self.name, self.text) = (name, text)
    }
}
