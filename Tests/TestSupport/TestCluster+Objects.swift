// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph
public import Foundation

/// Objects that tests write byte by byte, because no tool makes what they need.
extension TestCluster {
    /// Writes an object's data.
    public static func put(_ data: Data, as object: String, into pool: String) async throws {
        try await withFile(of: data) { try await run("rados", ["--pool", pool, "put", object, $0]) }
    }

    /// Writes a value of an object's omap.
    public static func setValue(_ data: Data, of key: String, in object: String, pool: String) async throws {
        try await withFile(of: data) { file in
            // Before Ceph 16, `rados` reads a value from its standard input only.
            let command = "exec \"$0\" --conf \"$1\" --pool \"$2\" setomapval \"$3\" \"$4\" <\"$5\""
            let arguments = [tool("rados"), configFile, pool, object, key, file]
            let result = try await Subprocess.run("/bin/sh", ["-c", command] + arguments)
            guard result.status == 0 else {
                throw Failure(description: "rados setomapval \(object) \(key): \(result.standardError)")
            }
        }
    }

    /// Reads a value of an object's omap.
    public static func value(of key: String, in object: String, pool: String) async throws -> Data {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await run("rados", ["--pool", pool, "getomapval", object, key, file])
        return try Data(contentsOf: URL(fileURLWithPath: file))
    }

    /// Reads an object's data.
    public static func data(of object: String, pool: String, namespace: String = "") async throws -> Data {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await run("rados", ["--pool", pool, "--namespace", namespace, "get", object, file])
        return try Data(contentsOf: URL(fileURLWithPath: file))
    }

    /// Reads all values of an object's omap, whose keys are plain text.
    public static func values(of object: String, pool: String, namespace: String = "") async throws -> [String: Data] {
        let dump = try await run("rados", ["--pool", pool, "--namespace", namespace, "listomapvals", object])
        var values: [String: Data] = [:]
        var key = ""
        // The dump has a key, a line with the number of bytes, lines of sixteen bytes in hexadecimal, and an empty
        // line.
        for line in dump.split(separator: "\n") {
            if line.hasPrefix("value (") {
                values[key] = Data()
            } else if let bytes = line.wholeMatch(of: /[0-9a-f]{8}  ([0-9a-f ]+?) *(\|.*)?/)?.1 {
                values[key]?.append(contentsOf: bytes.split(separator: " ").compactMap { UInt8($0, radix: 16) })
            } else if line.firstMatch(of: /^[0-9a-f]{8}$/) == nil {
                key = String(line)
            }
        }
        return values
    }

    /// Adds entries to a pool's directory without any other objects, as interrupted creates leave them.
    public static func listImages(_ count: Int, named prefix: String, in pool: String, _ cluster: Cluster) async throws
    {
        func encoded(_ text: String) -> [UInt8] {
            withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { Array($0) } + Array(text.utf8)
        }
        let directory = Records(pool: cluster.pool(pool), object: "rbd_directory")
        for start in stride(from: 0, to: count, by: 1000) {
            var change = Records.Change()
            for number in start..<min(start + 1000, count) {
                let (name, id) = ("\(prefix)-\(10_000 + number)", "dead\(number)")
                change.set("name_\(name)", to: encoded(id))
                change.set("id_\(id)", to: encoded(name))
            }
            _ = try await directory.apply(change)
        }
    }

    /// The id of an image, as librbd tells it.
    public static func imageID(_ spec: String) async throws -> String { try await RBDInfo.read(spec).id }

    /// The checksum of all data of an image or a snapshot.
    public static func checksum(_ spec: String) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await run("rbd", ["export", "--no-progress", spec, file])
        let sum = try await Subprocess.run("/usr/bin/sha256sum", [file])
        return String(sum.standardOutput.prefix(64))
    }

    private static func withFile(of data: Data, _ body: (_ path: String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        try data.write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await body(file)
    }

    /// Writes an image of format 1, which librbd reads but can't create any more. It must be the pool's only one.
    public static func putFormat1Image(named name: String, sizeBytes: UInt64, into pool: String) async throws {
        try await put(Format1.header(order: 22, size: sizeBytes), as: "\(name).rbd", into: pool)
        try await put(Format1.directory(of: [name]), as: "rbd_directory", into: pool)
    }
}

private enum Format1 {
    /// `rbd_obj_header_ondisk`
    static func header(order: UInt8, size: UInt64) -> Data {
        // This is not a single sum of eleven terms, because the compiler would take minutes for it.
        let texts: [(text: String, length: Int)] = [
            ("<<< Rados Block Device Image >>>\n", 40), ("rb.0.1.1", 24), ("RBD", 4), ("001.005", 8),
        ]
        var header = texts.reduce(into: Data()) { $0.append(padded($1.text, to: $1.length)) }
        header.append(contentsOf: [order, 0, 0, 0])
        header.append(bytes(size))
        header.append(bytes(UInt64(0)))
        header.append(bytes(UInt32(0)))
        header.append(bytes(UInt32(0)))
        header.append(bytes(UInt64(0)))
        return header
    }

    /// An empty header, and a map from names to nothing.
    static func directory(of names: [String]) -> Data {
        names.reduce(bytes(UInt32(0)) + bytes(UInt32(names.count))) { data, name in
            data + bytes(UInt32(name.utf8.count)) + Data(name.utf8) + bytes(UInt32(0))
        }
    }

    private static func padded(_ text: String, to length: Int) -> Data {
        Data(text.utf8) + Data(count: length - text.utf8.count)
    }

    private static func bytes(_ value: some FixedWidthInteger) -> Data {
        withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
}
