// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Naming
import Testing

@testable import RBDService

/// Parsing and matching of scopes.
struct ScopeTests {
    @Test(
        arguments: [
            ("all:*", "all:*"), ("read:*/*/*", "read:*"), ("create,read:rbd", "read,create:rbd"),
            ("read:rbd/pvc-*", "read:rbd/pvc-*"), ("read:rbd/*", "read:rbd/*"), ("read:rbd/team/*", "read:rbd/team/*"),
            ("read:rbd/*/x", "read:rbd/*/x"), ("read,create,modify,delete,purge,admin:a*/b*/c*", "all:a*/b*/c*"),
            ("read:rbd/a:b", "read:rbd/a:b"),
        ]
    )
    func whatIsASpelling(text: String, description: String) throws {
        let scope = try Scope(parsing: text)
        #expect(scope.description == description)
        #expect(try Scope(parsing: scope.description) == scope)
    }

    @Test(
        arguments: [
            ("", "it has no \":\""), ("read", "it has no \":\""),
            ("look:*", "there is no verb \"look\""),
            (":*", "there is no verb \"\""), ("read,:*", "there is no verb \"\""),
            ("Read:*", "there is no verb \"Read\""),
            ("read:", "a name in it is empty"), ("read:rbd/", "a name in it is empty"),
            ("read:rbd//x", "a name in it is empty"), ("read:a/b/c/d", "there are too many"),
            ("read:rbd/\u{7}", "it has a control character"),
        ]
    )
    func whatIsNoScope(text: String, reason: String) {
        let error = #expect(throws: ConfigurationError.self) { try Scope(parsing: text) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    private static let pools = ["rbd", "rbd2", "other"]
    private static let namespaces = ["", "team", "team-2"]
    private static let names = ["pvc-1", "pvc", "vol-1"]

    /// What each scope covers, written out by hand.
    @Test(
        arguments: [
            ("read:*", 1, 3, 9, 27), ("read:rbd", 0, 1, 3, 9), ("read:rbd*", 0, 2, 6, 18), ("read:rbd/*", 0, 0, 1, 3),
            ("read:rbd/pvc-*", 0, 0, 0, 1), ("read:rbd/pvc*", 0, 0, 0, 2), ("read:rbd/team/*", 0, 0, 1, 3),
            ("read:rbd/team*/*", 0, 0, 2, 6), ("read:rbd/*/*", 0, 1, 3, 9), ("read:rbd/*/vol-1", 0, 0, 0, 3),
            ("read:*/pvc", 0, 0, 0, 3), ("read:nowhere", 0, 0, 0, 0),
        ]
    )
    func whatAScopeCovers(text: String, clusters: Int, pools: Int, namespaces: Int, names: Int) throws {
        let scope = try Scope(parsing: text)
        let all = Self.pools.flatMap { pool in
            Self.namespaces.map { Place(pool: pool, namespace: $0) }
        }
        #expect([AccessTarget.cluster].count(where: scope.covers) == clusters)
        #expect(Self.pools.map(AccessTarget.pool).count(where: scope.covers) == pools)
        #expect(
            all.map { AccessTarget.namespace(Place(pool: $0.pool, namespace: $0.namespace)) }.count(where: scope.covers)
                == namespaces
        )
        let targets = all.flatMap { place in Self.names.map { AccessTarget.name($0, place: place) } }
        #expect(targets.count(where: scope.covers) == names)
        // A scope that covers a place touches it and every place that contains it.
        for place in all {
            let touched = Self.names.contains { scope.covers(.name($0, place: place)) }
            if touched {
                #expect(scope.touches(.namespace(place)))
                #expect(scope.touches(.pool(place.pool)))
            }
        }
    }

    @Test func otherSpellingsOfACharacterAreOtherNames() throws {
        let scope = try Scope(parsing: "read:rbd/\u{e9}*")
        let place = Place(pool: "rbd")
        #expect(scope.covers(.name("\u{e9}1", place: place)))
        #expect(!scope.covers(.name("e\u{301}1", place: place)))
    }

    @Test func verbsAreNotMixedUp() throws {
        let access = Access(
            Identity(name: "a", scopes: [try Scope(parsing: "read:rbd/a-*"), try Scope(parsing: "delete:rbd/b-*")])
        )
        let place = Place(pool: "rbd")
        #expect(access.may(.read, .name("a-1", place: place)))
        #expect(!access.may(.delete, .name("a-1", place: place)))
        #expect(!access.may(.read, .name("b-1", place: place)))
        #expect(access.sees(.name("b-1", place: place)))
        #expect(!access.sees(.name("c-1", place: place)))
        #expect(!Access(Identity(name: "nobody")).sees(.pool("rbd")))
    }
}
