// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The system's `write`, under a name that ``Console/write(_:)`` does not hide.
private let systemWrite: @Sendable (CInt, UnsafeRawPointer?, Int) -> Int = { write($0, $1, $2) }

/// All access to stdin, stdout, stderr and the terminal.
struct Console: Sendable {
    static let output = Console(descriptor: STDOUT_FILENO)
    static let errors = Console(descriptor: STDERR_FILENO)

    let descriptor: CInt

    /// The reader of the output has gone, as in `rbdctl image list | head -1`. That is not an error.
    struct ReaderGone: Error {}

    /// Writes all of the text.
    /// - Throws: ``ReaderGone``, or ``Failure`` if, for example, the disk is full.
    func write(_ text: String) throws {
        var text = text
        try text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = systemWrite(descriptor, rest.baseAddress, rest.count)
                if written >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN: Self.wait(for: POLLOUT, on: descriptor)
                case EPIPE: throw ReaderGone()
                default: throw Failure(.other, "can't write the output: \(String(cString: strerror(errno)))")
                }
            }
        }
    }

    /// Reads all of stdin as bytes.
    /// - Throws: ``Failure``
    static func input() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count > 0 {
                bytes += buffer[..<count]
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: wait(for: POLLIN, on: STDIN_FILENO)
            default: throw Failure(.usage, "can't read the standard input: \(String(cString: strerror(errno)))")
            }
        }
    }

    /// Needed if another program that shares the terminal or the pipe has made it non-blocking.
    private static func wait(for event: some BinaryInteger, on descriptor: CInt) {
        var ready = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        _ = poll(&ready, 1, -1)
    }

    /// For messages. If they can't be written either, the error is ignored.
    func report(_ text: String) {
        try? write(text)
    }

    /// Whether a person can be asked on a terminal.
    static var isInteractive: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
    }

    /// Whether the output goes to a terminal.
    var isTerminal: Bool { isatty(descriptor) == 1 }

    /// - Returns: nil at the end of the input.
    static func ask(_ question: String) -> String? {
        errors.report(question)
        return readLine()
    }

    /// A closed pipe must be an error of `write`, not a signal that kills the process between two deletions.
    static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Opens `/dev/null` in place of a stdout or stderr that is closed (`>&-`), so that writing fails. Otherwise the
    /// next descriptor that is opened gets its number, and output for the terminal goes to the service.
    static func holdStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // It gets the lowest free number, which is this one: all lower ones are taken.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    static func leave(_ status: CInt) -> Never {
        exit(status)
    }

    /// Ends as if the signal had not been handled, so that the shell of a calling script also stops at Ctrl-C.
    static func leave(bySignal number: CInt) -> Never {
        signal(number, SIG_DFL)
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(number)
        // The first process of a container is not ended by the signal.
        exit(128 + number)
    }

    static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }
}
