// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

/// What a caller needs to use an endpoint.
enum AccessRule: Sendable {
    /// Nothing. The endpoint reveals nothing about volumes.
    case everybody
    /// The verb on the cluster as a whole.
    case cluster(Verb)
    /// The verb on each pool in the body or in the answer. The handler checks each.
    case pools(Verb)
    /// The verb on `{pool}` with all that is in it.
    case pool(Verb)
    /// The verb on each namespace of `{pool}` in the body or in the answer. The handler checks each.
    case namespaces(Verb)
    /// The verb on `{namespace}` of `{pool}` with all that is in it.
    case namespace(Verb)
    /// The verb on each name in the body, in the answer or behind an id. The handler checks each. The verb on
    /// something in `{pool}` and `?namespace=` is always needed.
    case place(Verb)
    /// The verb on `{image}`.
    case image(Verb)
    /// To create `{image}`, or to read it if it exists.
    case newImage
    /// To read `{image}`, and to create the copy. The copy is in the body: the handler checks it.
    case copiedImage
    /// The verb on the group `{group}`. The handler checks the group's images.
    case group(Verb)
    /// The verb on the group `{group}`, and on `{image}` of `?imagePool=`.
    case member(Verb)
    /// `create` on the image of the volume in the body. The handler checks it.
    case volume
    /// The verb on the operation's object. The operation store checks it.
    case operation(Verb)

    /// Nil if no verb is needed.
    var verb: Verb? {
        switch self {
        case .everybody: nil
        case .newImage, .copiedImage, .volume: .create
        case .cluster(let verb), .pools(let verb), .pool(let verb), .namespaces(let verb), .namespace(let verb),
            .place(let verb), .image(let verb), .group(let verb), .member(let verb), .operation(let verb):
            verb
        }
    }

    /// The query parameters that the rule reads.
    var parameters: Set<String> {
        switch self {
        case .everybody, .cluster, .pools, .pool, .namespaces, .namespace, .volume, .operation: []
        case .place, .image, .newImage, .copiedImage, .group: ["namespace"]
        case .member: ["namespace", "imagePool"]
        }
    }

    /// Checks whether the caller may send a request. Names that are out of scope are hidden: the
    /// handler then looks for something that does not exist.
    /// - Throws: `Problem` with `forbidden` if the verb is missing for a visible name; with `image-not-found` if a name
    ///   that is out of scope would be created.
    func check(_ access: inout Access, _ call: Call) throws(Problem) {
        guard !access.isUnlimited else { return }
        let place = call.place
        switch self {
        case .everybody, .operation, .volume: return
        case .cluster(let verb): try access.require(verb, .cluster)
        case .pools(.read): return
        case .pools(let verb):
            guard access.may(verb, someOf: .cluster) else { throw access.forbidden(verb, .cluster) }
        case .pool(let verb):
            if access.finds(pool: place.pool) { try access.require(verb, .pool(place.pool)) }
        case .namespaces(let verb):
            guard access.finds(pool: place.pool) else { return }
            guard access.may(verb, someOf: .pool(place.pool)) else { throw access.forbidden(verb, .pool(place.pool)) }
        case .namespace(let verb):
            if access.finds(place) { try access.require(verb, .namespace(place)) }
        case .place(let verb):
            guard access.finds(place) else { return }
            let target = AccessTarget.namespace(place)
            guard access.may(verb, someOf: target) else { throw access.forbidden(verb, target) }
        case .image(let verb): try access.require(verb, onThe: "image", of: call, in: place)
        case .copiedImage: try access.require(.read, onThe: "image", of: call, in: place)
        case .newImage:
            if access.finds(place) { try access.requireCreation(of: call.name("image"), in: place) }
        case .group(let verb): try access.require(verb, onThe: "group", of: call, in: place)
        case .member(let verb):
            try access.require(verb, onThe: "group", of: call, in: place)
            let images = Place(pool: call.names["imagePool"] ?? place.pool, namespace: place.namespace)
            guard access.sees(.pool(images.pool)) else { return access.hide("imagePool", images.pool) }
            try access.require(verb, onThe: "image", of: call, in: images)
        }
    }
}

extension Access {
    /// Requires a verb on a name of the path, or hides the name.
    fileprivate mutating func require(
        _ verb: Verb,
        onThe parameter: String,
        of call: Call,
        in place: Place
    ) throws(Problem) {
        guard finds(place) else { return }
        let name = call.name(parameter)
        let target = AccessTarget.name(name, place: place)
        guard sees(target) else { return hide(parameter, name) }
        try require(verb, target)
    }

    /// Hides the pool if nothing in it is in scope.
    fileprivate mutating func finds(pool: String) -> Bool {
        if sees(.pool(pool)) { return true }
        hide("pool", pool)
        return false
    }

    /// Hides the pool, or the namespace, if nothing in it is in scope.
    fileprivate mutating func finds(_ place: Place) -> Bool {
        guard finds(pool: place.pool) else { return false }
        if sees(.namespace(place)) { return true }
        hide("namespace", place.namespace)
        return false
    }
}
