// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming

/// What a scope allows.
enum Verb: String, CaseIterable, Sendable {
    /// Read it, and find it in lists.
    case read
    /// Create it: empty, as a clone or a copy, or by restoring it from the trash.
    case create
    /// Change it: size, features, name, snapshots, group memberships.
    case modify
    /// Move it to the trash, delete its snapshots.
    case delete
    /// Destroy its data for ever.
    case purge
    /// Manage pools and namespaces; break locks and block watchers of an image.
    case admin
}

/// What a scope or a check is about. It need not exist.
enum AccessTarget: Hashable, Sendable {
    case cluster
    /// A pool and everything in it.
    case pool(String)
    /// A namespace and everything in it; an empty name is the pool's default namespace.
    case namespace(Place)
    /// An image, or a group.
    case name(String, place: Place)
}

/// A name, or a prefix if it ends with `*`.
struct NamePrefix: Hashable, Sendable, CustomStringConvertible {
    private var text: String
    private var isPrefix: Bool

    static let any = NamePrefix("*")

    init(_ text: some StringProtocol) {
        isPrefix = text.hasSuffix("*")
        self.text = String(isPrefix ? text.dropLast() : text[...])
    }

    var isAny: Bool { isPrefix && text.isEmpty }

    var range: NameRange { isPrefix ? NameRange(prefix: text) : NameRange(name: text) }

    func matches(_ name: String) -> Bool {
        // By bytes: Swift treats different spellings of a character as equal, Ceph does not.
        isPrefix ? name.utf8.starts(with: text.utf8) : name.utf8.elementsEqual(text.utf8)
    }

    var description: String { isPrefix ? "\(text)*" : text }
}

/// Verbs and their target: `read,create:rbd/pvc-*`.
struct Scope: Hashable, Sendable, CustomStringConvertible {
    var verbs: Set<Verb>
    var pool: NamePrefix
    var namespace: NamePrefix
    var name: NamePrefix

    static let pattern = """
        VERBS:WHERE, where VERBS are some of \(Verb.allCases.map(\.rawValue).joined(separator: ", ")), or all, and WHERE is * \
        (the cluster), POOL (with all its namespaces), POOL/NAME or POOL/NAMESPACE/NAME; each part may end with *, as \
        in read,create:rbd/pvc-*
        """

    /// - Throws: `ConfigurationError` with what is wrong.
    init(parsing text: String) throws(ConfigurationError) {
        func refusal(_ reason: String) -> ConfigurationError {
            ConfigurationError("\"\(text)\" is not a scope: \(reason); a scope is \(Self.pattern)")
        }
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2 else { throw refusal("it has no \":\"") }
        verbs = []
        for word in halves[0].split(separator: ",", omittingEmptySubsequences: false) {
            if word == "all" {
                verbs.formUnion(Verb.allCases)
            } else if let verb = Verb(rawValue: String(word)) {
                verbs.insert(verb)
            } else {
                throw refusal("there is no verb \"\(word)\"")
            }
        }
        let parts = halves[1].split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 3, !parts.contains("") else {
            throw refusal("a name in it is empty, or there are too many")
        }
        guard !halves[1].unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            throw refusal("it has a control character")
        }
        pool = NamePrefix(parts[0])
        namespace = parts.count == 3 ? NamePrefix(parts[1]) : parts.count == 2 ? NamePrefix("") : .any
        name = parts.count == 1 ? .any : NamePrefix(parts[parts.count - 1])
    }

    /// Whether the scope covers the whole target.
    func covers(_ target: AccessTarget) -> Bool {
        switch target {
        case .cluster: pool.isAny && namespace.isAny && name.isAny
        case .pool(let pool): self.pool.matches(pool) && namespace.isAny && name.isAny
        case .namespace(let place):
            pool.matches(place.pool) && namespace.matches(place.namespace) && name.isAny
        case .name(let name, let place):
            pool.matches(place.pool) && namespace.matches(place.namespace) && self.name.matches(name)
        }
    }

    /// Whether the scope covers something in the target.
    func touches(_ target: AccessTarget) -> Bool {
        switch target {
        case .cluster: true
        case .pool(let pool): self.pool.matches(pool)
        case .namespace(let place): pool.matches(place.pool) && namespace.matches(place.namespace)
        case .name: covers(target)
        }
    }

    var description: String {
        let isAll = verbs.count == Verb.allCases.count
        let verbs = isAll ? "all" : Verb.allCases.filter(verbs.contains).map(\.rawValue).joined(separator: ",")
        if namespace.isAny, name.isAny { return "\(verbs):\(pool)" }
        // An exact empty namespace is the default one.
        return namespace == NamePrefix("")
            ? "\(verbs):\(pool)/\(name)" : "\(verbs):\(pool)/\(namespace)/\(name)"
    }
}
