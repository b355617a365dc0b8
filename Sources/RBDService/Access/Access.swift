// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What the request at hand may see and do. It travels with the task, so that whatever names something has no need of a
/// parameter for it. What is done in the background is done without limits.
struct Access: Sendable {
    @TaskLocal static var current = Access.unlimited

    static let unlimited = Access(nil)

    let identity: Identity?
    /// What stands in for names that are out of scope.
    let veil = Veil()
    /// By the parameter of the path, or of the query, that is not what it says.
    private(set) var substitutes: [String: String] = [:]

    /// Who asks by what the request shows, as of now.
    private let identityNow: (@Sendable () async throws(Problem) -> Identity?)?

    /// - Parameters:
    ///   - identity: nil where nobody is asked who he is.
    ///   - identityNow: looks it up again, for answers that take long. Throws `Problem` with `unauthenticated`.
    init(_ identity: Identity?, identityNow: (@Sendable () async throws(Problem) -> Identity?)? = nil) {
        self.identity = identity
        self.identityNow = identityNow
    }

    /// An answer that goes on for long ends with the token or certificate that it was asked for with.
    /// - Throws: `Problem` with `unauthenticated` where that is no longer valid, or has other scopes now.
    func requireStillValid() async throws(Problem) {
        guard let identityNow, try await identityNow() != identity else { return }
        throw Problem(
            .unauthenticated,
            detail: "the scopes of \"\(identity?.name ?? "")\" have changed",
            hint: "try again"
        )
    }

    var isUnlimited: Bool { identity == nil }

    /// Whether the request speaks of something that is out of scope.
    var isOutOfScope: Bool { !substitutes.isEmpty }

    // MARK: Questions

    /// Whether all of it may be treated so.
    func may(_ verb: Verb, _ target: AccessTarget) -> Bool {
        identity.map { $0.scopes.contains { $0.verbs.contains(verb) && $0.covers(target) } } ?? true
    }

    func may(_ verb: Verb, _ image: ImageSpec) -> Bool { may(verb, AccessTarget(image)) }

    /// Which names in a namespace may be read.
    func readableNames(in place: Place) -> [NameRange] {
        guard let identity, !may(.read, .namespace(place)) else {
            return [NameRange(prefix: "")]
        }
        return identity.scopes.filter { scope in
            scope.verbs.contains(.read) && scope.touches(.namespace(place))
        }.map(\.name.range)
    }

    /// Whether something in there may be treated so.
    func may(_ verb: Verb, someOf target: AccessTarget) -> Bool {
        identity.map { $0.scopes.contains { $0.verbs.contains(verb) && $0.touches(target) } } ?? true
    }

    /// Whether there is any scope that is about something in there: what can be seen is refused, what can't is not there.
    func sees(_ target: AccessTarget) -> Bool {
        identity.map { $0.scopes.contains { $0.touches(target) } } ?? true
    }

    func sees(_ image: ImageSpec) -> Bool { sees(AccessTarget(image)) }

    // MARK: Demands

    /// Where what the request speaks of is hidden, nothing more is asked: it is about to fail.
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

    /// Whoever makes something must have that name in scope. What is out of it is told as what is not there, whether or not
    /// it is.
    /// - Parameter kind: what is to be made.
    /// - Throws: `Problem` with `image-not-found` or `group-not-found`; with `forbidden` for names that can be seen.
    func requireCreation(of name: String, in place: Place, _ kind: Veil.Kind = .image) throws(Problem) {
        let target = AccessTarget.name(name, place: place)
        guard isOutOfScope || sees(target) else {
            RequestNotes.current?.refuse()
            throw Problem(
                kind == .image ? .imageNotFound : .groupNotFound,
                detail: "\(kind.rawValue) \"\(place.image(name))\" does not exist, and is not among the scopes of "
                    + "\"\(identity?.name ?? "")\" to be made",
                field: "name",
                hint: "ask the service's operator for the scope create:\(target.scope)"
            )
        }
        try require(.create, target)
    }

    /// What is done to all images of a group must be allowed for each.
    /// - Throws: `Problem` with `forbidden`, without names that are out of scope.
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

    /// From here on that parameter has another value, which names nothing.
    mutating func hide(_ parameter: String, _ value: String) {
        substitutes[parameter] = veil.token(for: value)
    }

    /// The pool's own name where something in it is in scope, else one that no pool has.
    func visible(pool: String) -> String {
        sees(.pool(pool)) ? pool : veil.token(for: pool)
    }

    /// Something that is to be read only, such as the source of a clone, where its parts are in scope; else with the first
    /// part that is not replaced by a name that nothing has.
    /// - Throws: `Problem` with `forbidden` where it can be seen, but must not be read.
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

    /// As a scope has it.
    var scope: String {
        switch self {
        case .cluster: "*"
        case .pool(let pool): pool
        case .namespace(let place): "\(place)/*"
        case .name(let name, let place): place.image(name).description
        }
    }
}
