// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Glibc

extension AccessToken {
    /// Writes the token and a line break. The caller stores the digest only if this succeeds: a token that nobody has
    /// seen would be lost.
    /// - Parameter descriptor: usually standard output. If it may be a closed pipe, ignore SIGPIPE first.
    /// - Throws: `ConfigurationError` if not all of it can be written.
    public func show(on descriptor: Int32) throws(ConfigurationError) {
        guard "\(text)\n".isWritten(to: descriptor), Self.isOnDisk(descriptor) else {
            throw ConfigurationError(
                "the token can't be written to the output: \(String(cString: strerror(errno))); no token was made"
            )
        }
    }

    /// Some file systems notice only now that they are full. Pipes and terminals can't be synchronised.
    private static func isOnDisk(_ descriptor: Int32) -> Bool {
        fsync(descriptor) == 0 || ![EIO, ENOSPC, EDQUOT].contains(errno)
    }
}

extension String {
    /// Writes the text with write(2).
    /// - Returns: whether all of it was written. If not, errno says why.
    func isWritten(to descriptor: Int32) -> Bool {
        var text = self
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if written < 0, errno == EINTR { continue }
                if written < 0 { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
            return true
        }
    }
}
