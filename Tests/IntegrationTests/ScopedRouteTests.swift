// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Logging
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Every route, requested by every identity. The answers follow from the route's rule and the identity's scopes.
/// Requests that would change something are sent as dry runs.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct ScopedRouteTests {
    /// The existing objects, and the requests for them.
    private struct Fixture: Sendable {
        var pool: String
        var trashed: String
        var imageID: String
        var operation: String

        static let place = "namespace=team"

        /// - Parameters:
        ///   - pool: replaces the pool in the path.
        ///   - name: replaces the image, its id or the group.
        func path(_ route: Endpoint, pool: String? = nil, namespace: String = "team", name: String? = nil) -> String {
            let id = route.path.contains("/image-ids/") ? name ?? imageID : trashed
            var path = route.path
            for (key, value) in [
                "pool": pool ?? self.pool, "namespace": namespace, "image": name ?? "a-1", "group": name ?? "a-group",
                "snapshot": route.path.contains("/groups/") ? "gs" : "s1", "id": id, "operation": operation,
                "client": "client.1",
            ] {
                path = path.replacing("{\(key)}", with: value)
            }
            var query: [String] = []
            let isOfPlace = route.path.hasPrefix("/v1/pools/{pool}/") && !route.path.contains("/namespaces")
            if isOfPlace { query.append("namespace=\(namespace)") }
            if route.method != .get { query.append("dryRun=true") }
            if route.method == .delete, route.path.hasSuffix("/trash") { query.append("expired=true") }
            if route.method == .delete, route.path.hasSuffix("/trash/{id}") { query.append("force=true") }
            return query.isEmpty ? path : "\(path)?\(query.joined(separator: "&"))"
        }

        /// The request's body; nil if it has none.
        func body(_ route: Endpoint) -> String? {
            switch "\(route.method) \(route.path.split(separator: "/").last ?? "")" {
            case "POST pools": #"{"name":"a-pool"}"#
            case "PATCH {pool}": #"{"quota":{"maxObjects":1000000}}"#
            case "POST namespaces": #"{"name":"team-2"}"#
            case "POST images": #"{"name":"a-new","size":"1MiB"}"#
            case "PUT {image}": route.path.contains("/groups/") ? nil : #"{"size":"1MiB"}"#
            case "PATCH {image}": #"{"size":"2MiB"}"#
            case "POST copy": #"{"name":"a-copy"}"#
            case "POST snapshots": #"{"name":"s2"}"#
            case "PATCH {snapshot}": #"{"protected":true}"#
            case "PUT snapshot-limit": #"{"limit":10}"#
            case "PUT volume": #"{"claimNamespace":"apps","claimName":"data"}"#
            case "POST restore": "{}"
            case "PATCH {id}": #"{"name":"a-renamed"}"#
            case "POST persistentvolumes":
                #"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"},"spec":{"capacity":{"storage":"1Mi"},"#
                    + #""csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"a-1","volumeAttributes":{"staticVolume":"true","#
                    + #""clusterID":"cluster","pool":"\#(pool)"}}}}"#
            case "POST groups": #"{"name":"a-group-2"}"#
            case "PATCH {group}": #"{"name":"a-group-3"}"#
            default: nil
            }
        }
    }

    private static let scopes: @Sendable (String) -> KeyValuePairs<String, [String]> = { pool in
        [
            "everything": ["all:*"], "reader": ["read:*"], "pool": ["all:\(pool)"], "namespace": ["all:\(pool)/team/*"],
            "prefix": ["all:\(pool)/team/a-*"], "other-pool": ["all:\(pool)-2"],
            "other-namespace": ["all:\(pool)/other/*"], "other-prefix": ["all:\(pool)/team/b-*"],
        ]
    }

    @Test func everybodyIsAnsweredByHisScopes() async throws {
        try await TestCluster.withPool { pool, _ in
            let identities = try TestIdentities(Self.scopes(pool))
            let file = identities.path
            let values = try SettingValues(commandLine: [:], environment: [:], file: nil)
            let routes = try RBDService(
                configuration: try ServiceConfiguration(values),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ).endpoints
            let change: @Sendable (inout ServiceConfiguration) -> Void = { configuration in
                configuration.tokenFile = file
                configuration.volumes.clusters = ["cluster": "team"]
            }
            try await TestServer.withCluster(change: change) { server in
                let everything = server.with(token: identities.token(of: "everything"))
                let fixture = try await Self.make(pool, everything)
                for route in routes {
                    try await Self.check(route, fixture, server, identities)
                }
            }
        }
    }

    private static func make(_ pool: String, _ server: TestServer) async throws -> Fixture {
        let base = "/v1/pools/\(pool)"
        for namespace in ["team", "other"] {
            #expect(try await server.post("\(base)/namespaces", #"{"name":"\#(namespace)"}"#).status == 201)
        }
        for name in ["a-1", "a-2", "a-trashed", "b-1"] {
            let made = try await server.put("\(base)/images/\(name)?\(Fixture.place)", #"{"size":"1MiB"}"#)
            #expect(made.status == 201, "\(made.text)")
        }
        let snapshots = "\(base)/images/a-1/snapshots?\(Fixture.place)"
        #expect(try await server.post(snapshots, #"{"name":"s1"}"#).status == 201)
        #expect(try await server.post("\(base)/groups?\(Fixture.place)", #"{"name":"a-group"}"#).status == 201)
        #expect(try await server.put("\(base)/groups/a-group/images/a-1?\(Fixture.place)", "").status == 201)
        let groupSnapshots = "\(base)/groups/a-group/snapshots?\(Fixture.place)"
        #expect(try await server.post(groupSnapshots, #"{"name":"gs"}"#).status == 201)
        let deleted = try await server.delete("\(base)/images/a-trashed?\(Fixture.place)")
        let trashed = try deleted.decoded(as: RBDAPI.TrashedImage.self)
        let sparsified = try await server.post("\(base)/images/a-2/sparsify?\(Fixture.place)&wait=60s", "{}")
        let operation = try sparsified.decoded(as: RBDAPI.Operation.self)
        let image = try await server.get("\(base)/images/a-1?\(Fixture.place)").decoded(as: RBDAPI.Image.self)
        return Fixture(pool: pool, trashed: trashed.id, imageID: image.id, operation: operation.id)
    }

    private static func check(
        _ route: Endpoint,
        _ fixture: Fixture,
        _ server: TestServer,
        _ identities: TestIdentities
    ) async throws {
        if case .everybody = route.rule { return }
        let label = "\(route.method) \(route.path)"
        func ask(_ identity: String, _ path: String? = nil) async throws -> TestServer.Answer {
            try await server.with(token: identities.token(of: identity)).send(
                route.method.rawValue,
                path ?? fixture.path(route),
                body: fixture.body(route),
                headers: fixture.body(route) == nil ? [:] : ["Content-Type": "application/json"]
            )
        }
        func code(_ answer: TestServer.Answer) -> String { (try? answer.problem.code) ?? "\(answer.status)" }
        let whole = try await ask("everything")
        let right = code(whole)
        // An identity with all rights gets as far as the cluster.
        #expect(!["forbidden", "unauthenticated", "internal-error"].contains(right), "\(label): \(whole.text)")
        #expect(whole.status < 400 || whole.status == 404 || whole.status == 409, "\(label): \(whole.text)")
        for (identity, expected) in expectations(route, right) {
            let answer = try await ask(identity)
            #expect(code(answer) == expected, "\(label) by \(identity): \(answer.text)")
            guard identity.hasPrefix("other"), answer.status == 404, fixture.body(route)?.contains("name") != true,
                route.method != .put, let missing = missing(route, fixture, code(answer))
            else { continue }
            // The answer is literally the same as for an object that does not exist.
            let other = try await ask("everything", missing.path)
            #expect(
                try comparable(answer, missing.pair.0) == comparable(other, missing.pair.1),
                "\(label) by \(identity)"
            )
        }
    }

    /// The expected answer for each identity: the code, or the status if there is no problem.
    private static func expectations(_ route: Endpoint, _ right: String) -> [(String, String)] {
        let rule = route.rule
        // Lists, including that of the pools, show only what is in scope.
        let isList = if case .place(.read) = rule { !route.path.contains("{id}") } else { false }
        let reader = rule.verb == .read ? right : "forbidden"
        func all(_ pool: String, _ namespace: String, _ prefix: String) -> [(String, String)] {
            [("reader", reader), ("pool", pool), ("namespace", namespace), ("prefix", prefix)]
        }
        func others(_ pool: String, _ namespace: String, _ prefix: String) -> [(String, String)] {
            [("other-pool", pool), ("other-namespace", namespace), ("other-prefix", prefix)]
        }
        let hidden = ("pool-not-found", "namespace-not-found")
        switch rule {
        case .everybody: return []
        case .cluster:
            return all("forbidden", "forbidden", "forbidden") + others("forbidden", "forbidden", "forbidden")
        case .pools(.read): return all(right, right, right) + others(right, right, right)
        case .pools: return all("forbidden", "forbidden", "forbidden") + others("forbidden", "forbidden", "forbidden")
        case .pool: return all(right, "forbidden", "forbidden") + others(hidden.0, "forbidden", "forbidden")
        case .namespaces(.read): return all(right, right, right) + others(hidden.0, right, right)
        case .namespaces: return all(right, "forbidden", "forbidden") + others(hidden.0, "forbidden", "forbidden")
        case .namespace: return all(right, right, "forbidden") + others(hidden.0, hidden.1, "forbidden")
        case .operation:
            let missing = route.path.contains("{operation}") ? "operation-not-found" : right
            return all(right, right, right) + others(missing, missing, missing)
        case .place:
            let name: String =
                if route.path.contains("/image-ids/") {
                    "image-not-found"
                } else if route.path.contains("{id}") {
                    "trash-entry-not-found"
                } else if route.method == .post {
                    route.path.hasSuffix("groups") ? "group-not-found" : "image-not-found"
                } else {
                    right
                }
            // An invisible namespace has no expired entries.
            let namespace = route.method == .delete && !route.path.contains("{id}") ? right : hidden.1
            return all(right, right, right) + others(hidden.0, namespace, isList ? right : name)
        case .image, .newImage, .copiedImage:
            return all(right, right, right) + others(hidden.0, hidden.1, "image-not-found")
        case .volume:
            return all(right, right, right) + others("image-not-found", "image-not-found", "image-not-found")
        case .group, .member: return all(right, right, right) + others(hidden.0, hidden.1, "group-not-found")
        }
    }

    /// A request for an object that does not exist, and the names in which it differs.
    private static func missing(
        _ route: Endpoint,
        _ fixture: Fixture,
        _ code: String
    ) -> (path: String, pair: (String, String))? {
        switch code {
        case "pool-not-found":
            (fixture.path(route, pool: "\(fixture.pool)-0"), (fixture.pool, "\(fixture.pool)-0"))
        case "namespace-not-found": (fixture.path(route, namespace: "none"), ("team", "none"))
        case "image-not-found" where route.path.contains("/image-ids/"):
            (fixture.path(route, name: "0"), ("#\(fixture.imageID)", "#0"))
        case "image-not-found": (fixture.path(route, name: "a-0"), ("a-1", "a-0"))
        case "group-not-found": (fixture.path(route, name: "a-0"), ("a-group", "a-0"))
        default: nil
        }
    }

    private static func comparable(_ answer: TestServer.Answer, _ name: String) throws -> String {
        var problem = try answer.problem
        problem.instance = nil
        return "\(answer.status) \(problem)".replacing(name, with: "NAME")
    }

    // MARK: Checks in handlers

    /// Handlers check names in bodies, and verbs that depend on a parameter.
    @Test func whatIsInTheBodyIsLookedAt() async throws {
        try await TestCluster.withPool { pool, _ in
            let identities = try TestIdentities([
                "everything": ["all:*"],
                "clones": ["create,modify,delete:\(pool)/a-*", "read:\(pool)/gold-*", "read:\(pool)-2/x"],
            ])
            let file = identities.path
            try await TestServer.withCluster(change: { $0.tokenFile = file }) { server in
                let everything = server.with(token: identities.token(of: "everything"))
                let clones = server.with(token: identities.token(of: "clones"))
                let images = "/v1/pools/\(pool)/images"
                for name in ["gold-1", "secret-1", "a-9"] {
                    #expect(try await everything.put("\(images)/\(name)", #"{"size":"4MiB"}"#).status == 201)
                    let snapshots = "\(images)/\(name)/snapshots"
                    #expect(try await everything.post(snapshots, #"{"name":"s"}"#).status == 201)
                }
                func code(_ answer: TestServer.Answer) -> String { (try? answer.problem.code) ?? "\(answer.status)" }
                func clone(_ source: String, _ more: String = "") -> String {
                    #"{"source":{"image":"\#(source)","snapshot":"s"}\#(more)}"#
                }
                #expect(code(try await clones.put("\(images)/a-1", clone("gold-1"))) == "201")
                // An image that must not be read appears not to exist, whatever else the request contains.
                for size in ["", #","size":"4MiB""#, #","size":"5MiB""#] {
                    let hidden = try await clones.put("\(images)/a-2", clone("secret-1", size))
                    let missing = try await clones.put("\(images)/a-2", clone("secret-0", size))
                    #expect(code(hidden) == "source-not-found")
                    #expect(!hidden.text.contains("no-such-"), "\(hidden.text)")
                    #expect(
                        try Self.comparable(hidden, "secret-1") == Self.comparable(missing, "secret-0")
                    )
                }
                // For an existing image, the answer names the differences in the words of the request.
                let other = try await clones.put("\(images)/a-1", clone("secret-1"))
                #expect(code(other) == "image-differs")
                #expect(try other.problem.differences?.first?.requested == "\(pool)/secret-1@s", "\(other.text)")
                #expect(code(try await clones.put("\(images)/a-2", clone("a-9"))) == "forbidden")
                let secret = #"{"name":"a-2","source":{"image":"secret-1"}}"#
                #expect(code(try await clones.post(images, secret)) == "source-not-found")
                // The destination of a copy.
                let copy = "\(images)/gold-1/copy?wait=60s"
                #expect(code(try await clones.post(copy, #"{"name":"a-copy"}"#)) == "200")
                #expect(code(try await clones.post(copy, #"{"name":"b-copy"}"#)) == "image-not-found")
                #expect(code(try await clones.post(copy, #"{"name":"gold-copy"}"#)) == "forbidden")
                #expect(
                    code(try await clones.post(copy, #"{"name":"a-copy","pool":"rbd-secret"}"#)) == "image-not-found"
                )
                // A new name.
                #expect(code(try await clones.patch("\(images)/a-1", #"{"name":"b-1"}"#)) == "image-not-found")
                #expect(code(try await clones.patch("\(images)/a-1", #"{"name":"a-3"}"#)) == "200")
                // The data pool of another identity.
                let data = #"{"size":"1MiB","dataPool":"\#(pool)-2"}"#
                #expect(code(try await clones.put("\(images)/a-4", data)) == "forbidden")
                let unseen = #"{"size":"1MiB","dataPool":"\#(pool)-3"}"#
                #expect(code(try await clones.put("\(images)/a-4", unseen)) == "data-pool-not-found")
                // A purge needs more rights than a delete, however the request asks for it.
                for query in ["purge=true", "delay=0s", "delay=1s"] {
                    #expect(code(try await clones.delete("\(images)/a-3?\(query)")) == "forbidden", "\(query)")
                }
                #expect(code(try await clones.delete("\(images)/a-copy")) == "200")
                // Nothing is created out of scope, not even in a namespace that does not exist.
                for path in ["\(images)/b-1", "\(images)/a-5?namespace=none", "/v1/pools/rbd-secret/images/a-1"] {
                    let answer = try await clones.put(path, #"{"size":"1MiB"}"#)
                    #expect(answer.status == 404, "\(answer.text)")
                    #expect(!answer.text.contains("no-such-"))
                }
                let names = try await everything.get(images).decoded(as: Page<RBDAPI.Image>.self).items.map(\.name)
                #expect(names == ["a-3", "a-9", "gold-1", "secret-1"])
                #expect(try await TestCluster.run("rados", ["-p", pool, "--all", "ls"]).contains("no-such-") == false)
            }
        }
    }
}
