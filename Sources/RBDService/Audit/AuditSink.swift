// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Where the audit log is written to.
enum AuditTarget: Hashable, Sendable {
    case off
    case standardOutput
    case file(String)

    init(_ text: String) {
        self =
            switch text {
            case "off": .off
            case "-": .standardOutput
            default: .file(text)
            }
    }
}

/// Why the audit log can't be written. The reason contains no path.
struct AuditTrouble: Error, Hashable {
    var reason: String
    /// Whether the setting is wrong, so that waiting does not help.
    var isPermanent = false

    init(_ reason: String, isPermanent: Bool = false) {
        self.reason = reason
        self.isPermanent = isPermanent
    }

    init(errno: CInt) {
        self.init(
            String(cString: strerror(errno)),
            isPermanent: [ENOENT, ENOTDIR, EISDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG].contains(errno)
        )
    }
}

/// The file that lines are written to. Each line is one write(2), which blocks. So only one thread uses it.
struct AuditSink: ~Copyable {
    /// How much space is reserved at once, in bytes.
    private static let step = 256 << 10

    let target: AuditTarget
    private var descriptor: CInt = -1
    /// Whether the file system can reserve space. A pipe needs no reservation. If a file system can't, a full disk
    /// shows only when a line is written.
    private var reserves = false
    /// The offset up to which space is reserved.
    private var reservedEnd = 0
    /// Changes when another file is opened.
    private(set) var generation = 0

    init(_ target: AuditTarget) {
        self.target = target
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    var isOpen: Bool { descriptor >= 0 }

    /// Opens the file, or reopens it. If that fails, the previous file stays open.
    mutating func open() throws(AuditTrouble) {
        let other: CInt
        switch target {
        case .off: return
        case .standardOutput:
            // If somebody closed descriptor 1, the next socket would get its number.
            other = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
            guard other >= 0 else { throw AuditTrouble("standard output is closed", isPermanent: true) }
        case .file(let path): other = try Self.open(path)
        }
        if descriptor >= 0 { close(descriptor) }
        descriptor = other
        generation += 1
        reserves = target != .standardOutput
        reservedEnd = 0
    }

    private static let noFile = AuditTrouble("it is not a file; for standard output write \"-\"", isPermanent: true)

    private static func open(_ path: String) throws(AuditTrouble) -> CInt {
        // Without O_NONBLOCK, open(2) would wait for a reader of a FIFO.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else {
            // A FIFO without a reader, or a socket.
            throw errno == ENXIO ? noFile : AuditTrouble(errno: errno)
        }
        var file = clinux_file()
        var trouble: AuditTrouble?
        if clinux_fstat(descriptor, &file) != 0 {
            trouble = AuditTrouble(errno: errno)
        } else if ![S_IFREG, S_IFCHR].contains(file.mode & S_IFMT) {
            trouble = noFile
        } else if file.mode & S_IFMT == S_IFREG, file.mode & 0o022 != 0 {
            trouble = AuditTrouble("it can be written by others; run chmod 0600", isPermanent: true)
        } else if fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0 {
            trouble = AuditTrouble(errno: errno)
        }
        guard let trouble else { return descriptor }
        close(descriptor)
        throw trouble
    }

    /// False if standard output was closed. Then its number belongs to the descriptor that the Swift runtime opened
    /// next, which has no file type.
    static var hasStandardOutput: Bool {
        var file = clinux_file()
        return clinux_fstat(STDOUT_FILENO, &file) == 0 && file.mode & S_IFMT != 0
    }

    /// Whether the file was removed. Lines that are written to it are lost.
    var isRemoved: Bool {
        var file = clinux_file()
        return isOpen && target != .standardOutput && clinux_fstat(descriptor, &file) == 0 && file.links == 0
    }

    /// Reserves space, so that this many bytes can be written even if the disk fills up.
    /// - Returns: how many bytes are reserved; nil if the file can't reserve space.
    mutating func reserve(_ bytes: Int) throws(AuditTrouble) -> Int? {
        guard isOpen else { throw AuditTrouble("it is not open") }
        var file = clinux_file()
        guard reserves, clinux_fstat(descriptor, &file) == 0 else { return nil }
        let end = Int(file.size)
        if reservedEnd - end >= bytes { return reservedEnd - end }
        let wanted = bytes + Self.step
        while fallocate(descriptor, clinux_keep_size, end, wanted) != 0 {
            switch errno {
            case EINTR: continue
            case EOPNOTSUPP, ENOSYS, ENODEV, ESPIPE, EINVAL:
                reserves = false
                return nil
            default: throw AuditTrouble(errno: errno)
            }
        }
        reservedEnd = end + wanted
        return wanted
    }

    /// Writes as much as possible.
    /// - Returns: how many bytes were written, and why it was not all.
    mutating func write(_ bytes: ArraySlice<UInt8>) -> (count: Int, trouble: AuditTrouble?) {
        guard isOpen else { return (0, AuditTrouble("it is not open")) }
        var done = 0
        while done < bytes.count {
            let count = bytes.dropFirst(done).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return (done, AuditTrouble(errno: errno))
            }
            done += count
        }
        return (done, nil)
    }
}
