// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Where the audit log goes.
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

/// Why the audit log can't be written. The reason names no path.
struct AuditTrouble: Error, Hashable {
    var reason: String
    /// Whether it will not mend itself: the setting is wrong.
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

/// What lines are written to, each by one write(2). It blocks, and so belongs to one thread.
struct AuditSink: ~Copyable {
    /// Room that is reserved at once.
    private static let step = 256 << 10

    let target: AuditTarget
    private var descriptor: CInt = -1
    /// Whether the file system can reserve room: a pipe needs none, and a full disk is met there when it is written to.
    private var reserves = false
    /// Up to where there is room.
    private var reservedEnd = 0
    /// Changes when another file is written to.
    private(set) var generation = 0

    init(_ target: AuditTarget) {
        self.target = target
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    var isOpen: Bool { descriptor >= 0 }

    /// Opens it, or opens it anew. What was open stays so where this fails.
    mutating func open() throws(AuditTrouble) {
        let other: CInt
        switch target {
        case .off: return
        case .standardOutput:
            // Should somebody close descriptor 1, the next socket would get its number.
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

    private static let noFile = AuditTrouble("it is no file; \"-\" is standard output", isPermanent: true)

    private static func open(_ path: String) throws(AuditTrouble) -> CInt {
        // Without O_NONBLOCK it would wait for somebody to read from a FIFO.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else {
            // A FIFO that nobody reads, or a socket.
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

    /// Where it was closed, whatever the process opened next has its number. That has no type: it is the runtime's.
    static var hasStandardOutput: Bool {
        var file = clinux_file()
        return clinux_fstat(STDOUT_FILENO, &file) == 0 && file.mode & S_IFMT != 0
    }

    /// Whether somebody has removed the file: what is written to it is gone with it.
    var isRemoved: Bool {
        var file = clinux_file()
        return isOpen && target != .standardOutput && clinux_fstat(descriptor, &file) == 0 && file.links == 0
    }

    /// Sees to it that so many bytes can be written whatever becomes of the disk.
    /// - Returns: how many there is room for; nil where that can't be known.
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

    /// Writes as much as can be written.
    /// - Returns: how much that was, and why it was not all.
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
