// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Logging
import RBDAPI
import Synchronization

/// Knows callers by their bearer tokens (RFC 6750). The file is read again when it changes.
final class TokenAuthenticator: Authenticator {
    private struct State {
        var file: TokenFile
        var stamp: FileStamp?
        var nextLook: ContinuousClock.Instant
    }

    /// A token that was taken out of the file is refused no later than that.
    private static let interval = Duration.seconds(1)
    private static let scheme = "bearer "

    private let path: String
    private let logger: Logger
    private let state: Mutex<State>

    /// - Throws: `ConfigurationError`.
    init(path: String, logger: Logger) throws(ConfigurationError) {
        self.path = path
        self.logger = logger
        let stamp = FileStamp(path: path)
        state = Mutex(
            State(file: try TokenFile(path: path, stamp: stamp), stamp: stamp, nextLook: .now + Self.interval)
        )
    }

    func identity(of request: Request) throws(Problem) -> Identity? {
        guard let header = request.headers[.authorization] else { return nil }
        guard header.utf8.count > Self.scheme.utf8.count, header.prefix(Self.scheme.count).lowercased() == Self.scheme
        else {
            throw Self.refusal("the Authorization header has another scheme than Bearer")
        }
        let digest = AccessToken(header.dropFirst(Self.scheme.count).drop { $0 == " " }).digest
        // All of them, each to its end: how long it takes tells nothing.
        var found: TokenFile.Token?
        for token in current().tokens where digest == token.digest { found = found ?? token }
        guard let found else { throw Self.refusal("the token is not known") }
        if let expires = found.expires, expires <= .now { throw Self.refusal("the token has expired") }
        return found.identity
    }

    private static func refusal(_ detail: String) -> Problem {
        Problem(
            .unauthenticated,
            detail: detail,
            field: "Authorization",
            hint: "ask whoever runs the service for another: rbd-rest-api token new makes one"
        )
    }

    private func current(now: ContinuousClock.Instant = .now) -> TokenFile {
        state.withLock { state in
            guard state.nextLook <= now else { return state.file }
            state.nextLook = now + Self.interval
            let stamp = FileStamp(path: path)
            guard stamp != state.stamp else { return state.file }
            state.stamp = stamp
            do throws(ConfigurationError) {
                state.file = try TokenFile(path: path, stamp: stamp)
                logger.notice("the token file was read again", metadata: [LogKeys.count: "\(state.file.tokens.count)"])
            } catch {
                // What was right a second ago stays right.
                logger.error("the token file can't be used as it is now", metadata: [LogKeys.error: "\(error)"])
            }
            return state.file
        }
    }
}
