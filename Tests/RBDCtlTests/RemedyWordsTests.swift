// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import rbdctl

private let image = ImageSpec(pool: "rbd", namespace: "team a", image: "vol-1")
private let group = GroupSpec(image.place, name: "db")

private let size = ByteCount(536_870_912)

private let confirmations: [Remedy] = [
    .confirm("volumes", of: .pool), .confirm("daily", of: .snapshot), .confirm("daily", of: .groupSnapshot),
    .confirm("client.4123", of: .watcher), .confirm("client.4123", of: .lock), .confirmShrink(to: size),
    .confirmPurgeOfOldFormat, .confirmEarlyPurge, .confirmPurgeOfExpired, .confirmDeletionDespiteClones,
]

private let lists: [Remedy] = [
    .listPools, .listOperations, .listTrash(of: image.place), .listGroups(of: image.place), .listSnapshots(of: image),
    .listWatchers(of: image), .listLocks(of: image), .listImages(of: group), .listSnapshots(of: group),
]

private let changes: [Remedy] = [
    .createNamespace(image.place), .delete(image), .delete(group.snapshot("daily")),
    .breakLock(on: image, of: "client.4123"), .remove(image, fromGroup: "rbd/db"), .purge(image), .restore(image),
    .restoreToFree(image), .endClients(of: image), .explain(image), .unprotect(image.snapshot("daily")),
    .raiseSnapshotLimit(of: image), .enableApplication(ofPool: "rbd"), .enableFeature("object-map", of: image),
    .setLimit(.iopsLimit), .follow(operation: "1-5d0f", cancellable: true),
    .follow(operation: "1-5d0f", cancellable: false),
]

private let corrections: [Remedy] = [
    .nameSource, .checkOutcome, .checkCluster, .authenticate, .readTag, .listPaths,
    .sendHeader("Accept", "application/json"), .leaveOutHeader("If-None-Match"), .useMethod("GET, PUT"),
]

private let samples = confirmations + lists + changes + corrections

/// rbdctl expresses every remedy of the service in its own commands and options.
@Suite struct RemedyWordsTests {
    @Test func everyActionHasASample() {
        #expect(Set(samples.map(\.action)) == Set(Remedy.Action.allCases))
        #expect(Set(samples.compactMap(\.kind)).isSubset(of: Remedy.Kind.allCases))
    }

    @Test(arguments: samples)
    func noHintSpeaksOfHTTP(remedy: Remedy) throws {
        #expect(remedy.hint?.isEmpty == false)
        for code in try ProblemCode.inContract.get() {
            let text = Failure(Problem(code, detail: "it failed", remedy: remedy)).text()
            #expect(text.contains("\nhint: "), "\(text)")
            #expect(HTTPWords.found(in: text).isEmpty, "\(text)")
        }
    }

    @Test(arguments: samples)
    func theCommandsExist(remedy: Remedy) throws {
        let words = try #require(remedy.words)
        for match in words.matches(of: #/rbdctl(?<path>(?: [a-z-]+)+)/#) {
            let path = CommandTree.rbdctl.path(match.path.split(separator: " ").map(String.init))
            let command = path.reduce(CommandTree.rbdctl) { tree, name in tree.subcommand(name) ?? tree }
            #expect(!path.isEmpty && command.subcommands.isEmpty, "\(words)")
        }
    }

    @Test(arguments: [
        (Remedy.confirmShrink(to: size), "add --allow-shrink --confirm 512MiB to confirm"),
        (Remedy.listPools, "rbdctl pool list lists the pools, rbdctl pool create creates one"),
        (Remedy.confirm("volumes", of: .pool), "add --confirm volumes to confirm"),
        (Remedy.confirm("client.4123", of: .lock), "add --yes to confirm"),
        (
            Remedy.breakLock(on: ImageSpec(pool: "rbd", image: "v"), of: "client.4123"),
            "rbdctl image lock break rbd/v client.4123 breaks the lock"
        ),
        (
            Remedy.follow(operation: "1-5d0f", cancellable: true),
            "rbdctl operation get --watch 1-5d0f waits for its end, rbdctl operation cancel 1-5d0f cancels it"
        ),
    ])
    func inTheWordsOfTheCommandLine(remedy: Remedy, words: String) {
        #expect(Failure(Problem(.cephError, detail: "x", hint: "y", remedy: remedy)).hint == words)
    }

    @Test(arguments: [
        (
            Remedy.confirmShrink(to: size),
            "add \"allowShrink\": true and \"confirmSize\": 536870912 to confirm"
        ),
        (Remedy.confirm("a b", of: .snapshot), "add ?confirm=a%20b to confirm"),
        (
            Remedy.listSnapshots(of: image),
            "GET /v1/pools/rbd/images/vol-1/snapshots?namespace=team%20a lists the image's snapshots"
        ),
        (
            Remedy.explain(image),
            "DELETE /v1/pools/rbd/images/vol-1?namespace=team%20a&dryRun=true lists the steps that free the image, in order"
        ),
        (
            Remedy.remove(ImageSpec(pool: "ssd", image: "v"), fromGroup: "rbd/db"),
            "DELETE /v1/pools/rbd/groups/db/images/v?imagePool=ssd removes the image from the group"
        ),
        (
            Remedy.restore(ImageSpec(pool: "rbd", image: "5e3f")),
            "POST /v1/pools/rbd/trash/5e3f/restore restores the image"
        ),
    ])
    func inTheWordsOfHTTP(remedy: Remedy, words: String) {
        #expect(Problem(.cephError, detail: "x", remedy: remedy).hint == words)
    }

    @Test func aNewerOrOlderServiceIsUnderstood() throws {
        func failure(_ remedy: String) throws -> Failure {
            let json = """
                {"type":"/problems/pool-busy","title":"t","status":409,"detail":"d","code":"pool-busy","retryable":true,
                 "hint":"GET /v1/pools lists the pools"\(remedy)}
                """
            return Failure(try JSONDecoder().decode(Problem.self, from: Data(json.utf8)))
        }
        for remedy in [#"{"action":"dance"}"#, #"{"action":"list","kind":"ballroom","steps":3}"#] {
            let text = try failure(",\"remedy\":\(remedy)").text()
            #expect(text.contains("hint: a newer rbdctl"))
            #expect(HTTPWords.found(in: text).isEmpty, "\(text)")
        }
        #expect(try failure("").hint == "GET /v1/pools lists the pools")
    }

    @Test func remediesSurviveJSON() throws {
        for remedy in samples {
            let problem = Problem(.cephError, detail: "x", remedy: remedy)
            let json = try JSONEncoder().encode(problem)
            #expect(try JSONDecoder().decode(Problem.self, from: json) == problem)
        }
        let json = try JSONEncoder().encode(Remedy.readTag)
        #expect(String(decoding: json, as: UTF8.self).contains(#""action":"read-tag""#))
    }
}
