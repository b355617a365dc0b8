// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// kubectl, as a program of this machine.
struct Kubectl: Sendable {
    let path: String

    /// - Throws: ``Failure`` if there is none.
    static func find() throws -> Kubectl {
        for folder in (Console.environment("PATH") ?? "").split(separator: ":") {
            let path = "\(folder)/kubectl"
            if access(path, X_OK) == 0 { return Kubectl(path: path) }
        }
        throw Failure(
            .usage,
            "there is no kubectl in the PATH; nothing was changed",
            hint: "install kubectl, or leave out --apply and apply the output by other means"
        )
    }

    /// Replaces this process by `kubectl apply`, which prints its own results and has its own exit status.
    /// - Throws: ``Failure`` if kubectl can't be started.
    func apply(_ manifest: String) throws -> Never {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Self.failure }
        // Nobody reads yet. A pipe has room for at least 16 KiB, several times what two objects need.
        try Console(descriptor: ends[1]).write(manifest)
        close(ends[1])
        dup2(ends[0], STDIN_FILENO)
        close(ends[0])
        // The new program inherits what is ignored.
        signal(SIGPIPE, SIG_DFL)
        let words: [String] = ["kubectl", "apply", "-f", "-"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        execv(path, &arguments)
        throw Self.failure
    }

    private static var failure: Failure {
        Failure(.other, "kubectl can't be run: \(String(cString: strerror(errno)))")
    }
}
