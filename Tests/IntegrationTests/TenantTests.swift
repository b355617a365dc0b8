// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Two tenants share a cluster, a pool and its images to clone, and must not learn anything of each other. The names of
/// all objects of a tenant contain its word, so that the answers to the other tenant can be searched for it.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(10)))
struct TenantTests {
    private static let requestsOfEach = 2_600

    @Test func twoTenantsLearnNothingOfEachOther() async throws {
        try await TestCluster.withPool { pool, _ in
            let scopes = { (word: String) in
                [
                    "read,create,modify,delete,purge:\(pool)/\(word)-*", "all:\(pool)/\(word)/*",
                    "read:\(pool)/gold-*",
                ]
            }
            let identities = try TestIdentities([
                "everything": ["all:*"], "alfa": scopes("alfa"), "bravo": scopes("bravo"),
            ])
            let file = identities.path
            try await TestServer.withCluster(change: { $0.tokenFile = file }) { server in
                let everything = server.with(token: identities.token(of: "everything"))
                for word in ["alfa", "bravo"] {
                    let made = try await everything.post("/v1/pools/\(pool)/namespaces", #"{"name":"\#(word)"}"#)
                    #expect(made.status == 201)
                }
                let gold = "/v1/pools/\(pool)/images/gold-1"
                #expect(try await everything.put(gold, #"{"size":"1MiB"}"#).status == 201)
                #expect(try await everything.post("\(gold)/snapshots", #"{"name":"gold-s"}"#).status == 201)
                let seed = UInt64.random(in: .min ... .max)
                let total = try await withThrowingTaskGroup(of: Int.self) { group in
                    for (own, other) in [("alfa", "bravo"), ("bravo", "alfa")] {
                        var tenant = Tenant(
                            own: own,
                            other: other,
                            pool: pool,
                            server: server.with(token: identities.token(of: own)),
                            random: SeededRandom(seed: seed ^ UInt64(own.utf8.count))
                        )
                        group.addTask {
                            try await tenant.run(Self.requestsOfEach)
                            return tenant.requests
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(total >= 5_000, "seed \(seed)")
            }
        }
    }

    /// A tenant that sends random requests, knows what it has created, and checks that it does not see more.
    private struct Tenant {
        let own: String
        let other: String
        let pool: String
        let server: TestServer
        var random: SeededRandom
        private(set) var requests = 0
        /// The names of the images, by namespace.
        private var images: [String: Set<String>] = ["": [], "own": []]
        private var trash: [String: [String: String]] = ["": [:], "own": [:]]
        private var groups: Set<String> = []
        private var counter = 0

        init(own: String, other: String, pool: String, server: TestServer, random: SeededRandom) {
            self.own = own
            self.other = other
            self.pool = pool
            self.server = server
            self.random = random
        }

        private func query(_ place: String, _ word: String, _ more: String = "") -> String {
            let namespace = place.isEmpty ? "" : "namespace=\(word)"
            let query = [namespace, more].filter { !$0.isEmpty }.joined(separator: "&")
            return query.isEmpty ? "" : "?\(query)"
        }

        private func path(_ name: String, _ place: String, _ rest: String = "", _ more: String = "") -> String {
            "/v1/pools/\(pool)/images/\(name)\(rest)\(query(place, own, more))"
        }

        /// Sends a request. The answer must not mention the other tenant, unless the request did.
        @discardableResult
        private mutating func ask(
            _ method: String,
            _ path: String,
            _ body: String? = nil,
            naming name: String? = nil
        ) async throws -> TestServer.Answer {
            requests += 1
            let headers = body == nil ? [:] : ["Content-Type": "application/json"]
            let answer = try await server.send(method, path, body: body, headers: headers)
            var text = answer.text + answer.headers.map { "\($0): \($1)" }.joined(separator: "\n")
            // Cursors are opaque to people but not to programs.
            if let cursor = try? answer.decoded(as: Page<RBDAPI.Image>.self).nextCursor {
                text += try Self.decoded(cursor)
            }
            if let name { text = text.replacing(name, with: "NAME") }
            #expect(!text.contains(other), "\(method) \(path): \(text)")
            #expect(answer.status < 500, "\(method) \(path): \(answer.text)")
            return answer
        }

        /// Base64url without its padding.
        private static func decoded(_ cursor: String) throws -> String {
            let padding = String(repeating: "=", count: (4 - cursor.utf8.count % 4) % 4)
            let text = cursor.replacing("-", with: "+").replacing("_", with: "/") + padding
            return String(decoding: try #require(Data(base64Encoded: text)), as: UTF8.self)
        }

        mutating func run(_ count: Int) async throws {
            while requests < count { try await step() }
            try await lists()
        }

        private mutating func step() async throws {
            let place = Bool.random(using: &random) ? "" : "own"
            let known = images[place]?.sorted().randomElement(using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0...3: try await make(in: place)
            case 4: try await lists()
            case 5, 6: if let known { try await read(known, place) }
            case 7: if let known { try await change(known, place) }
            case 8, 9: if let known { try await remove(known, place) }
            case 10: try await restore(place)
            case 11: try await group()
            default: try await pry(place)
            }
        }

        private mutating func make(in place: String) async throws {
            counter += 1
            let name = "\(own)-\(counter)"
            let body =
                counter % 3 == 0
                ? #"{"source":{"pool":"\#(pool)","image":"gold-1","snapshot":"gold-s"}}"# : #"{"size":"1MiB"}"#
            let answer = try await ask("PUT", path(name, place), body)
            #expect(answer.status == 201, "\(answer.text)")
            images[place]?.insert(name)
        }

        /// Lists show everything that belongs to the tenant or to everybody, and nothing else.
        private mutating func lists() async throws {
            for place in ["", "own"] {
                let limit = Int.random(in: 1...40, using: &random)
                var (found, cursor): ([String], String?) = ([], nil)
                repeat {
                    let more = "limit=\(limit)" + (cursor.map { "&cursor=\($0)" } ?? "")
                    let answer = try await ask("GET", "/v1/pools/\(pool)/images\(query(place, own, more))")
                    let page = try answer.decoded(as: Page<RBDAPI.Image>.self)
                    found += page.items.map(\.name)
                    cursor = page.nextCursor
                } while cursor != nil
                #expect(found == ((images[place] ?? []) + (place.isEmpty ? ["gold-1"] : [])).sorted())
                let trashed = try await ask("GET", "/v1/pools/\(pool)/trash\(query(place, own))")
                let ids = try trashed.decoded(as: Page<RBDAPI.TrashedImage>.self).items.map(\.id)
                #expect(Set(ids) == Set((trash[place] ?? [:]).keys))
            }
            let groups = try await ask("GET", "/v1/pools/\(pool)/groups")
            #expect(try Set(groups.decoded(as: Page<RBDAPI.Group>.self).items.map(\.name)) == self.groups)
            let operations = try await ask("GET", "/v1/operations")
            for operation in try operations.decoded(as: Page<RBDAPI.Operation>.self).items {
                #expect(operation.subject.contains(own))
            }
            let namespaces = try await ask("GET", "/v1/pools/\(pool)/namespaces")
            #expect(try namespaces.decoded(as: Page<Namespace>.self).items.map(\.name) == [own])
            let pools = try await ask("GET", "/v1/pools")
            #expect(try pools.decoded(as: Page<RBDAPI.Pool>.self).items.isEmpty)
            let children = try await ask("GET", "/v1/pools/\(pool)/images/gold-1/children")
            for child in try children.decoded(as: ImageChildren.self).items { #expect(child.image.hasPrefix(own)) }
        }

        private mutating func read(_ name: String, _ place: String) async throws {
            let fields = ["", "fields=children", "fields=usage,watchers,children"].randomElement(using: &random) ?? ""
            let answer = try await ask("GET", path(name, place, "", fields))
            #expect(answer.status == 200, "\(answer.text)")
            let rest =
                ["/snapshots", "/children", "/ancestors", "/locks", "/watchers"].randomElement(using: &random) ?? ""
            #expect(try await ask("GET", path(name, place, rest)).status == 200)
            try await ask("GET", "/v1/pools/\(pool)/images/gold-1\(rest)")
        }

        private mutating func change(_ name: String, _ place: String) async throws {
            switch Int.random(in: 0..<3, using: &random) {
            case 0: try await ask("PATCH", path(name, place), #"{"size":"2MiB"}"#)
            case 1:
                counter += 1
                let answer = try await ask("PATCH", path(name, place), #"{"name":"\#(own)-\#(counter)"}"#)
                guard answer.status == 200 else { return }
                images[place]?.remove(name)
                images[place]?.insert("\(own)-\(counter)")
            default: try await ask("POST", path(name, place, "/sparsify", "wait=1s"))
            }
        }

        private mutating func remove(_ name: String, _ place: String) async throws {
            try await ask("DELETE", path(name, place, "", "dryRun=true"))
            let isPurge = Bool.random(using: &random)
            let answer = try await ask("DELETE", path(name, place, "", isPurge ? "purge=true&wait=20s" : "delay=1h"))
            switch answer.status {
            case 200:
                images[place]?.remove(name)
                trash[place]?[try answer.decoded(as: RBDAPI.TrashedImage.self).id] = name
            case 204: images[place]?.remove(name)
            default: #expect(answer.status == 409, "\(answer.text)")
            }
        }

        private mutating func restore(_ place: String) async throws {
            guard let entry = trash[place]?.sorted(by: { $0.key < $1.key }).first else { return }
            counter += 1
            let name = "\(own)-\(counter)"
            let restore = "/v1/pools/\(pool)/trash/\(entry.key)/restore\(query(place, own))"
            let answer = try await ask("POST", restore, #"{"name":"\#(name)"}"#)
            #expect(answer.status == 200, "\(answer.text)")
            trash[place]?[entry.key] = nil
            images[place]?.insert(name)
        }

        private mutating func group() async throws {
            let name = "\(own)-group-\(Int.random(in: 0..<4, using: &random))"
            let group = "/v1/pools/\(pool)/groups/\(name)"
            if groups.contains(name) {
                if let image = images[""]?.sorted().randomElement(using: &random) {
                    try await ask("PUT", "\(group)/images/\(image)")
                    try await ask("GET", group)
                    try await ask("DELETE", path(image, "", "", "dryRun=true"))
                    try await ask("DELETE", "\(group)/images/\(image)")
                }
                if try await ask("DELETE", group).status == 204 { groups.remove(name) }
            } else {
                let answer = try await ask("POST", "/v1/pools/\(pool)/groups", #"{"name":"\#(name)"}"#)
                if answer.status == 201 { groups.insert(name) }
            }
        }

        /// Requests objects of the other tenant, and objects that do not exist. Both must be answered alike.
        private mutating func pry(_ place: String) async throws {
            // The other tenant has created about as many.
            let number = Int.random(in: 1...max(10, counter), using: &random)
            let isGroup = number % 12 == 0
            let pair =
                isGroup
                ? ("\(other)-group-\(number % 4)", "\(other)-group-none")
                : ("\(other)-\(number)", "\(other)-none-\(number)")
            let word = place.isEmpty ? own : other
            let requests: [(String, (String) -> String, String?)] = [
                ("GET", { "/images/\($0)" }, nil), ("HEAD", { "/images/\($0)" }, nil),
                ("PUT", { "/images/\($0)" }, #"{"size":"1MiB"}"#), ("PUT", { "/images/\($0)" }, #"{"size":"9MiB"}"#),
                ("PATCH", { "/images/\($0)" }, #"{"size":"3MiB"}"#), ("DELETE", { "/images/\($0)" }, nil),
                ("GET", { "/images/\($0)/snapshots" }, nil), ("GET", { "/images/\($0)/children" }, nil),
                ("POST", { "/images/\($0)/snapshots" }, #"{"name":"x"}"#), ("POST", { "/images/\($0)/flatten" }, nil),
                ("POST", { "/images/\($0)/copy" }, #"{"name":"\#(own)-stolen"}"#),
                ("GET", { "/images/\($0)/locks" }, nil),
            ]
            let groupRequest: (String, (String) -> String, String?) = ("GET", { "/groups/\($0)" }, nil)
            let chosen = isGroup ? groupRequest : requests.randomElement(using: &random)
            guard let (method, path, body) = chosen else { return }
            var answers: [String] = []
            for name in [pair.0, pair.1] {
                let url = "/v1/pools/\(pool)\(path(name))\(query(place, word))"
                // If the namespace belongs to the other tenant, the request names that, too.
                let answer = try await ask(method, url, body, naming: place.isEmpty ? name : other)
                #expect(answer.status == 404, "\(method) \(url): \(answer.text)")
                guard var problem = try? answer.problem else { continue }
                problem.instance = nil
                answers.append("\(problem)".replacing(name, with: "NAME"))
            }
            if answers.count == 2 { #expect(answers[0] == answers[1]) }
            // A source that belongs to the other tenant.
            counter += 1
            let source = #"{"source":{"image":"\#(pair.0)","snapshot":"s"}}"#
            let clone = try await ask("PUT", self.path("\(own)-\(counter)", ""), source, naming: pair.0)
            #expect(clone.status == 422, "\(clone.text)")
        }
    }

    /// Random numbers, which are the same for the same seed.
    private struct SeededRandom: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) { state = seed }

        // SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    // MARK: Blockers

    /// A tenant's image has clones, groups and parents of the other tenant. The answer says that the image is in use,
    /// but not by whom.
    @Test func whatHoldsOnToAnImageIsNotNamed() async throws {
        try await TestCluster.withPool { pool, _ in
            let identities = try TestIdentities([
                "everything": ["all:*"], "alfa": ["all:\(pool)/alfa-*"],
                "bravo": ["all:\(pool)/bravo-*", "read,modify:\(pool)/alfa-*"],
            ])
            let file = identities.path
            try await TestServer.withCluster(change: { $0.tokenFile = file }) { server in
                let alfa = server.with(token: identities.token(of: "alfa"))
                let bravo = server.with(token: identities.token(of: "bravo"))
                let everything = server.with(token: identities.token(of: "everything"))
                let images = "/v1/pools/\(pool)/images"
                for name in ["alfa-1", "alfa-2"] {
                    #expect(try await alfa.put("\(images)/\(name)", #"{"size":"1MiB"}"#).status == 201)
                    #expect(try await alfa.post("\(images)/\(name)/snapshots", #"{"name":"s"}"#).status == 201)
                }
                let source = #"{"source":{"image":"alfa-1","snapshot":"s"}}"#
                for name in ["bravo-1", "bravo-2"] {
                    #expect(try await bravo.put("\(images)/\(name)", source).status == 201)
                }
                #expect(try await alfa.put("\(images)/alfa-3", source).status == 201)
                // bravo's group contains an image of alfa.
                let groups = "/v1/pools/\(pool)/groups"
                #expect(try await bravo.post(groups, #"{"name":"bravo-g"}"#).status == 201)
                for image in ["alfa-2", "bravo-1"] {
                    #expect(try await bravo.put("\(groups)/bravo-g/images/\(image)", "").status == 201)
                }
                #expect(try await bravo.post("\(groups)/bravo-g/snapshots", #"{"name":"bravo-gs"}"#).status == 201)
                // A clone of an image that alfa must not read.
                #expect(try await everything.put("\(images)/bravo-9", #"{"size":"1MiB"}"#).status == 201)
                let snapshots = "\(images)/bravo-9/snapshots"
                #expect(try await everything.post(snapshots, #"{"name":"s"}"#).status == 201)
                let parent = #"{"source":{"image":"bravo-9","snapshot":"s"}}"#
                #expect(try await everything.put("\(images)/alfa-9", parent).status == 201)

                func look(_ method: String, _ path: String, _ body: String? = nil) async throws -> TestServer.Answer {
                    let headers = body == nil ? [:] : ["Content-Type": "application/json"]
                    let answer = try await alfa.send(method, path, body: body, headers: headers)
                    #expect(!answer.text.contains("bravo"), "\(method) \(path): \(answer.text)")
                    #expect(answer.status < 500)
                    return answer
                }
                for path in [
                    "", "/alfa-1?fields=children", "/alfa-1/children", "/alfa-2", "/alfa-2/snapshots", "/alfa-9",
                    "/alfa-9/ancestors", "?fields=children", "/alfa-9?fields=children,usage,watchers",
                ] {
                    let answer = try await look("GET", "\(images)\(path)")
                    #expect(answer.status == 200, "\(answer.text)")
                }
                // Nor if a group keeps a snapshot.
                let kept = try await look("GET", "\(images)/alfa-2/snapshots").decoded(as: ImageSnapshots.self).items
                let name = try #require(kept.first { $0.kind == "group" }).name
                let managed = try await look("DELETE", "\(images)/alfa-2/snapshots/\(name)")
                #expect(try managed.problem.code == "snapshot-managed")
                let children = try await look("GET", "\(images)/alfa-1/children").decoded(as: ImageChildren.self)
                #expect(children.items.map(\.image) == ["alfa-3"])
                let clone = try await look("GET", "\(images)/alfa-9").decoded(as: RBDAPI.Image.self)
                #expect(clone.parent?.image == "" && clone.parent?.overlapBytes == 1 << 20)
                for name in ["alfa-1", "alfa-2", "alfa-9"] {
                    _ = try await look("DELETE", "\(images)/\(name)?dryRun=true")
                    _ = try await look("POST", "\(images)/\(name)/flatten?dryRun=true")
                }
                #expect(try await look("DELETE", "\(images)/alfa-2").status == 409)
                let plan = try await look("DELETE", "\(images)/alfa-1/snapshots/s?dryRun=true").decoded(as: Plan.self)
                #expect(!plan.allowed)
                #expect(plan.steps.map(\.action.rawValue).contains("ask-others"))
                #expect(plan.blockers.map(\.name).sorted { ($0 ?? "") < ($1 ?? "") } == [nil, "\(pool)/alfa-3"])
                let refused = try await look("DELETE", "\(images)/alfa-1/snapshots/s")
                #expect(try refused.problem.code == "snapshot-has-clones")
                // Nor the number of them.
                #expect(try !refused.problem.detail.contains("3"))
                let group = try await alfa.put("\(groups)/bravo-g/images/alfa-1", "")
                #expect(group.status == 404)
                // bravo may not change all images of its own group.
                #expect(try await bravo.delete("\(groups)/bravo-g/snapshots/bravo-gs").status == 403)
                // alfa-2 does not prevent bravo from reading.
                let own = try await bravo.get("\(groups)/bravo-g").decoded(as: RBDAPI.Group.self)
                #expect(own.images?.map(\.name).sorted() == ["alfa-2", "bravo-1"])
            }
        }
    }
}
