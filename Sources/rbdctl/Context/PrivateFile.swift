// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Files that only their owner can read.
enum PrivateFile {
    /// - Returns: nil if there is no such file.
    /// - Throws: ``Failure`` if others may read or write it.
    static func read(_ path: String) throws -> String? {
        guard let target = resolved(path) else {
            if errno == ENOENT { return nil }
            throw failure(path, "read")
        }
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target),
            let mode = number(attributes[.posixPermissions]), let owner = number(attributes[.ownerAccountID])
        else { throw Failure(.usage, "\(path) can't be read") }
        guard mode & 0o077 == 0 else {
            throw Failure(
                .usage,
                "\(path) can be \(mode & 0o022 == 0 ? "read" : "written") by others, and may hold a token",
                hint: "run chmod 0600 \(path)"
            )
        }
        guard owner == Int(geteuid()) || owner == 0 else { throw Failure(.usage, "\(path) belongs to another user") }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Failure(.usage, "\(path) can't be read as a text")
        }
        return text
    }

    /// The type differs between the Foundation libraries that the program may be linked with.
    private static func number(_ value: Any?) -> Int? { value.flatMap { Int("\($0)") } }

    /// A path with its links resolved; nil if nothing exists there.
    private static func resolved(_ path: String) -> String? {
        realpath(path, nil).map { pointer in
            defer { free(pointer) }
            return String(cString: pointer)
        }
    }

    /// Replaces the file atomically, and creates its directory if that does not exist.
    static func write(_ text: String, to path: String) throws {
        // A symbolic link stays, and its target is replaced.
        let path = resolved(path) ?? path
        try makeFolder(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
        let temporary = "\(path).\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path, "written") }
        var isWritten = true
        do { try Console(descriptor: descriptor).write(text) } catch { isWritten = false }
        isWritten = isWritten && fchmod(descriptor, 0o600) == 0 && fsync(descriptor) == 0
        isWritten = close(descriptor) == 0 && isWritten
        guard isWritten, rename(temporary, path) == 0 else {
            let failure = failure(path, "written")
            unlink(temporary)
            throw failure
        }
    }

    private static func makeFolder(_ path: String) throws {
        guard !path.isEmpty, !FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch { throw Failure(.other, "the directory \(path) can't be created") }
    }

    private static func failure(_ path: String, _ action: String) -> Failure {
        Failure(.other, "\(path) can't be \(action): \(String(cString: strerror(errno)))")
    }
}
