// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

/// What a caller needs to use a route.
enum AccessRule: Sendable {
    /// Nothing. The route reveals nothing about volumes.
    case everybody
    /// The verb on the cluster as a whole.
    case cluster(Verb)
    /// The verb on each pool in the body or in the answer. The route's handler checks each.
    case pools(Verb)
    /// The verb on `{pool}` with all that is in it.
    case pool(Verb)
    /// The verb on each namespace of `{pool}` in the body or in the answer. The route's handler checks each.
    case namespaces(Verb)
    /// The verb on `{namespace}` of `{pool}` with all that is in it.
    case namespace(Verb)
    /// The verb on each name in the body, in the answer or behind an id. The route's handler checks each. The verb on
    /// something in `{pool}` and `?namespace=` is always needed.
    case place(Verb)
    /// The verb on `{image}`.
    case image(Verb)
    /// To create `{image}`, or to read it if it exists.
    case newImage
    /// To read `{image}`, and to create the copy. The copy is in the body: the route's handler checks it.
    case copiedImage
    /// The verb on the group `{group}`. The route's handler checks the group's images.
    case group(Verb)
    /// The verb on the group `{group}`, and on `{image}` of `?imagePool=`.
    case member(Verb)
    /// `create` on the image of the volume in the body. The route's handler checks it.
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

    /// Checks whether the caller may use the route for this request. Names that are out of scope are hidden: the
    /// handler then looks for something that does not exist.
    /// - Throws: `Problem` with `forbidden` if the verb is missing for a visible name; with `image-not-found` if a name
    ///   that is out of scope would be created.
    func check(_ access: inout Access, _ request: Request, _ context: ServiceRequestContext) throws(Problem) {
        guard !access.isUnlimited else { return }
        switch self {
        case .everybody, .operation, .volume: return
        case .cluster(let verb): try access.require(verb, .cluster)
        case .pools(.read): return
        case .pools(let verb):
            guard access.may(verb, someOf: .cluster) else { throw access.forbidden(verb, .cluster) }
        case .pool(let verb):
            let pool = try context.pathParameter("pool")
            if access.finds(pool: pool) { try access.require(verb, .pool(pool)) }
        case .namespaces(let verb):
            let pool = try context.pathParameter("pool")
            guard access.finds(pool: pool) else { return }
            guard access.may(verb, someOf: .pool(pool)) else { throw access.forbidden(verb, .pool(pool)) }
        case .namespace(let verb):
            let place = Place(
                pool: try context.pathParameter("pool"),
                namespace: try context.pathParameter("namespace")
            )
            if access.finds(place) { try access.require(verb, .namespace(place)) }
        case .place(let verb):
            let place = try Self.place(request, context)
            guard access.finds(place) else { return }
            let target = AccessTarget.namespace(place)
            guard access.may(verb, someOf: target) else { throw access.forbidden(verb, target) }
        case .image(let verb):
            try Self.check(verb, "image", try Self.place(request, context), &access, context)
        case .copiedImage:
            try Self.check(.read, "image", try Self.place(request, context), &access, context)
        case .newImage:
            let place = try Self.place(request, context)
            if access.finds(place) { try access.requireCreation(of: try context.pathParameter("image"), in: place) }
        case .group(let verb):
            try Self.check(verb, "group", try Self.place(request, context), &access, context)
        case .member(let verb):
            var place = try Self.place(request, context)
            try Self.check(verb, "group", place, &access, context)
            if let pool = Query.value(of: "imagePool", in: request) { place.pool = pool }
            guard access.sees(.pool(place.pool)) else { return access.hide("imagePool", place.pool) }
            try Self.check(verb, "image", place, &access, context)
        }
    }

    private static func check(
        _ verb: Verb,
        _ parameter: String,
        _ place: Place,
        _ access: inout Access,
        _ context: ServiceRequestContext
    ) throws(Problem) {
        guard access.finds(place) else { return }
        let name = try context.pathParameter(parameter)
        let target = AccessTarget.name(name, place: place)
        guard access.sees(target) else { return access.hide(parameter, name) }
        try access.require(verb, target)
    }

    /// The pool and namespace as the handler will read them. The handler refuses a parameter that is given twice.
    private static func place(_ request: Request, _ context: ServiceRequestContext) throws(Problem) -> Place {
        Place(
            pool: try context.pathParameter("pool"),
            namespace: Query.value(of: "namespace", in: request) ?? ""
        )
    }
}

extension Access {
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
