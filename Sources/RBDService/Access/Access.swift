// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What the current request may see and do. It is a task-local value, so that functions need no parameter for it.
/// Background work has no limits.
struct Access: Sendable {
    @TaskLocal static var current = Access.unlimited

    static let unlimited = Access(nil)

    let identity: Identity?
    /// Replaces names that are out of scope.
    let veil = Veil()
    /// The values that replace parameters of the path or the query, by the parameter's name.
    private(set) var substitutes: [String: String] = [:]

    /// Authenticates the caller again, as of now.
    private let identityNow: (@Sendable () async throws(Problem) -> Identity?)?

    /// - Parameters:
    /// - identity: nil if callers are not authenticated.
    /// - identityNow: authenticates the caller again, for long answers. Throws `Problem` with `unauthenticated`.
    init(_ identity: Identity?, identityNow: (@Sendable () async throws(Problem) -> Identity?)? = nil) {
        self.identity = identity
        self.identityNow = identityNow
    }

    /// A long answer ends when the caller's token or certificate is no longer valid.
    /// - Throws: `Problem` with `unauthenticated` if it is no longer valid, or if its scopes have changed.
    func requireStillValid() async throws(Problem) {
        guard let identityNow, try await identityNow() != identity else { return }
        throw Problem(
            .unauthenticated,
            detail: "the scopes of \"\(identity?.name ?? "")\" have changed",
            hint: "try again"
        )
    }

    var isUnlimited: Bool { identity == nil }

    /// Whether the request names something that is out of scope.
    var isOutOfScope: Bool { !substitutes.isEmpty }

    // MARK: Questions

    /// Whether the verb is allowed on the whole target.
    func may(_ verb: Verb, _ target: AccessTarget) -> Bool {
        identity.map { $0.scopes.contains { $0.verbs.contains(verb) && $0.covers(target) } } ?? true
    }

    func may(_ verb: Verb, _ image: ImageSpec) -> Bool { may(verb, AccessTarget(image)) }

    /// The names in a namespace that may be read.
    func readableNames(in place: Place) -> [NameRange] {
        guard let identity, !may(.read, .namespace(place)) else {
            return [NameRange(prefix: "")]
        }
        return identity.scopes.filter { scope in
            scope.verbs.contains(.read) && scope.touches(.namespace(place))
        }.map(\.name.range)
    }

    /// Whether the verb is allowed on something in the target.
    func may(_ verb: Verb, someOf target: AccessTarget) -> Bool {
        identity.map { $0.scopes.contains { $0.verbs.contains(verb) && $0.touches(target) } } ?? true
    }

    /// Whether any scope covers something in the target. If so, a request for it is refused. If not, the target appears
    /// not to exist.
    func sees(_ target: AccessTarget) -> Bool {
        identity.map { $0.scopes.contains { $0.touches(target) } } ?? true
    }

    func sees(_ image: ImageSpec) -> Bool { sees(AccessTarget(image)) }

    // MARK: Demands

    /// Does nothing if the request names something that is hidden: such a request fails anyway.
    /// - Throws: `Problem` with `forbidden`.
    func require(_ verb: Verb, _ target: AccessTarget) throws(Problem) {
        guard !isOutOfScope, !may(verb, target) else { return }
        throw forbidden(verb, target)
    }

    func forbidden(_ verb: Verb, _ target: AccessTarget) -> Problem {
        Problem(
            .forbidden,
            detail: "\"\(identity?.name ?? "")\" has no scope for \(verb.rawValue) on \(target.text)",
            hint: "ask the service's operator for the scope \(verb.rawValue):\(target.scope)"
        )
    }

    /// Requires the verb `create` on a new name. A name that is out of scope appears not to exist, whether or not it
    /// does.
    /// - Parameter kind: what is to be created.
    /// - Throws: `Problem` with `image-not-found` or `group-not-found` if the name is out of scope; with `forbidden` if
    ///   it is visible, but may not be created.
    func requireCreation(of name: String, in place: Place, _ kind: Veil.Kind = .image) throws(Problem) {
        let target = AccessTarget.name(name, place: place)
        guard isOutOfScope || sees(target) else {
            RequestNotes.current?.refuse()
            throw Problem(
                kind == .image ? .imageNotFound : .groupNotFound,
                detail: "\(kind.rawValue) \"\(place.image(name))\" does not exist, and "
                    + "\"\(identity?.name ?? "")\" has no scope to create it",
                field: "name",
                hint: "ask the service's operator for the scope create:\(target.scope)"
            )
        }
        try require(.create, target)
    }

    /// Requires a verb on each image of a group.
    /// - Throws: `Problem` with `forbidden`. It does not contain names that are out of scope.
    func require(_ verb: Verb, onAll images: some Sequence<ImageSpec>) throws(Problem) {
        for image in images where !may(verb, image) {
            if sees(image) { throw forbidden(verb, AccessTarget(image)) }
            RequestNotes.current?.refuse()
            throw Problem(
                .forbidden,
                detail: "the group has images that \"\(identity?.name ?? "")\" has no scope for",
                field: "group",
                hint: "ask the service's operator for the names of these images"
            )
        }
    }

    // MARK: Substitutes

    /// Replaces the value of a parameter by a name that does not exist.
    mutating func hide(_ parameter: String, _ value: String) {
        substitutes[parameter] = veil.token(for: value)
    }

    /// The pool's own name if something in it is in scope, otherwise a name that no pool has.
    func visible(pool: String) -> String {
        sees(.pool(pool)) ? pool : veil.token(for: pool)
    }

    /// A name that is only to be read, such as the source of a clone. If it is out of scope, its first part that is not
    /// visible is replaced by a name that does not exist.
    /// - Throws: `Problem` with `forbidden` if the name is visible, but must not be read.
    func readable(_ name: String, in place: Place) throws(Problem) -> (name: String, place: Place) {
        if !sees(.pool(place.pool)) {
            return (name, Place(pool: veil.token(for: place.pool), namespace: place.namespace))
        }
        if !sees(.namespace(place)) {
            return (name, Place(pool: place.pool, namespace: veil.token(for: place.namespace)))
        }
        let target = AccessTarget.name(name, place: place)
        if !sees(target) { return (veil.token(for: name), place) }
        try require(.read, target)
        return (name, place)
    }
}

extension AccessTarget {
    init(_ image: ImageSpec) {
        self = .name(image.image, place: image.place)
    }

    var text: String {
        switch self {
        case .cluster: "the cluster as a whole"
        case .pool(let pool): "the pool \"\(pool)\" as a whole"
        case .namespace(let place) where place.namespace.isEmpty:
            "the default namespace of the pool \"\(place.pool)\" as a whole"
        case .namespace(let place): "the namespace \"\(place)\" as a whole"
        case .name(let name, let place): "\"\(place.image(name))\""
        }
    }

    /// The target in the syntax of scopes.
    var scope: String {
        switch self {
        case .cluster: "*"
        case .pool(let pool): pool
        case .namespace(let place): "\(place)/*"
        case .name(let name, let place): place.image(name).description
        }
    }
}
