// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI
import Testing

@testable import rbdctl

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

private func image(_ name: String, size: UInt64 = 3 << 29, parent: ParentImage? = nil) -> Image {
    Image(
        spec: ImageSpec(pool: "rbd", image: name),
        id: "10198409e360",
        state: "ready",
        sizeBytes: size,
        objectSizeBytes: 4 << 20,
        stripeUnitBytes: 4 << 20,
        stripeCount: 1,
        features: ["layering", "deep-flatten"],
        snapshotCount: 2,
        createdAt: "2026-01-31T10:00:00Z",
        dataPool: nil,
        parent: parent
    )
}

@Suite(.timeLimit(.minutes(5)))
struct OutputTests {
    @Test func aTableIsAligned() throws {
        let parent = ParentImage(spec: ImageSpec(pool: "rbd", image: "p"), imageID: "1", snapshot: "s", overlapBytes: 1)
        let text = try OutputFormat.table.render([image("v"), image("long-name", size: 10 << 30, parent: parent)])
        #expect(
            text == """
                SPEC           SIZE     STATE  SNAPSHOTS  CREATED               PARENT
                rbd/v          1.5 GiB  ready  2          2026-01-31T10:00:00Z  -
                rbd/long-name  10 GiB   ready  2          2026-01-31T10:00:00Z  rbd/p@s

                """
        )
    }

    @Test func anEmptyListIsAHeaderAnArrayOrNothing() throws {
        let none: [Image] = []
        #expect(try OutputFormat.table.render(none) == "SPEC  SIZE  STATE  SNAPSHOTS  CREATED  PARENT\n")
        #expect(try OutputFormat.json.render(none) == "[]\n")
        #expect(try OutputFormat.yaml.render(none) == "[]\n")
        #expect(try OutputFormat.name.render(none).isEmpty)
    }

    @Test func widthsCountCharacters() {
        // The letter é as two scalars, and a family emoji as five.
        let table = Table(header: ["A", "B"], rows: [["e\u{301}", "x"], ["abc", "y"]])
        #expect(table.rendered() == "A    B\ne\u{301}    x\nabc  y\n")
    }

    @Test func noNameCommandsTheTerminalOrStartsALine() throws {
        let hostile = "a\nb\u{1B}[2J\u{9B}\r\t\u{7F}\u{2028}\u{202E}c"
        let table = try OutputFormat.table.render([image(hostile)])
        #expect(table.split(separator: "\n").count == 2)
        #expect(table.contains(#"rbd/a\nb\u{1b}[2J\u{9b}\r\t\u{7f}\u{2028}\u{202e}c  "#))
        let name = try OutputFormat.name.render([image(hostile)])
        #expect(name == #"rbd/a\nb\u{1b}[2J\u{9b}\r\t\u{7f}\u{2028}"# + "\u{202E}c\n")
        for format in OutputFormat.allCases {
            let text = try format.render([image(hostile)])
            #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
        }
    }

    @Test func jsonHasExactBytesInTheOrderOfTheAPI() throws {
        let text = try OutputFormat.json.render(image("v", size: UInt64(Int64.max)))
        #expect(
            text == """
                {
                  "spec": "rbd/v",
                  "pool": "rbd",
                  "namespace": "",
                  "name": "v",
                  "id": "10198409e360",
                  "state": "ready",
                  "sizeBytes": 9223372036854775807,
                  "objectSizeBytes": 4194304,
                  "stripeUnitBytes": 4194304,
                  "stripeCount": 1,
                  "features": [
                    "layering",
                    "deep-flatten"
                  ],
                  "snapshotCount": 2,
                  "flags": [],
                  "operationFeatures": [],
                  "createdAt": "2026-01-31T10:00:00Z",
                  "modifiedAt": null,
                  "accessedAt": null,
                  "dataPool": null,
                  "parent": null,
                  "group": null,
                  "metadata": null,
                  "qos": null,
                  "usage": null,
                  "watchers": null,
                  "children": null,
                  "mirroring": null,
                  "migration": null,
                  "encryption": null,
                  "problem": null
                }

                """
        )
        #expect(try OutputFormat.json.render([image("v")]).hasPrefix("[\n  {\n    \"spec\": \"rbd/v\",\n"))
    }

    @Test func yamlQuotesWhatIsNoText() throws {
        let text = try OutputFormat.yaml.render(image("v"))
        #expect(
            text.hasPrefix(
                "spec: rbd/v\npool: rbd\nnamespace: ''\nname: v\nid: '10198409e360'\nstate: ready\nsizeBytes: 1610612736\n"
            )
        )
        #expect(try OutputFormat.yaml.render([image("v")]).hasPrefix("- spec: rbd/v\n  pool: rbd\n"))
    }

    @Test func namesAreBare() throws {
        #expect(try OutputFormat.name.render([image("a"), image("b c")]) == "rbd/a\nrbd/b c\n")
        let pool = Pool(
            name: "p",
            id: 1,
            type: "replicated",
            size: 3,
            minSize: 2,
            pgNum: 32,
            autoscale: "on",
            applications: ["rbd"],
            flags: [],
            quota: PoolQuota(maxBytes: 0, maxObjects: 0),
            usage: nil
        )
        #expect(try OutputFormat.name.render(pool) == "p\n")
        #expect(
            try OutputFormat.table.render([pool]) == """
                NAME  ID  TYPE        SIZE  PGS  AUTOSCALE  APPLICATIONS  STORED  AVAILABLE
                p     1   replicated  3     32   on         rbd           -       -

                """
        )
    }

    @Test func theClustersTableShowsItsHealthChecks() throws {
        let cluster = ClusterStatus(
            fsid: "f",
            cephVersion: nil,
            libradosVersion: "1.0.0",
            keyType: nil,
            health: ClusterHealth(
                status: "HEALTH_WARN",
                checks: [HealthCheck(code: "POOL_FULL", severity: "HEALTH_WARN", summary: "1 pool is full")]
            ),
            capacity: ClusterCapacity(totalBytes: 1 << 30, usedBytes: 1 << 20, availableBytes: 0)
        )
        #expect(
            try OutputFormat.table.render(cluster) == """
                FSID  VERSION  HEALTH       TOTAL  USED   AVAILABLE
                f     -        HEALTH_WARN  1 GiB  1 MiB  0 B

                CHECK      SEVERITY     SUMMARY
                POOL_FULL  HEALTH_WARN  1 pool is full

                """
        )
        #expect(try OutputFormat.name.render(cluster) == "f\n")
    }
}

@Suite(.timeLimit(.minutes(5)))
struct FailureTests {
    @Test func differencesAndHintHaveTheirOwnLines() {
        let problem = Problem(
            .imageDiffers,
            detail: "image rbd/v exists and is different",
            hint: "choose another name",
            differences: [
                Problem.Difference(field: "size", requested: "10737418240", actual: "5368709120"),
                Problem.Difference(field: "features", requested: "layering", actual: "layering,journaling"),
                Problem.Difference(field: "stripeCount", requested: "1024", actual: "1"),
            ]
        )
        #expect(
            Failure(problem).text() == """
                rbdctl: image rbd/v exists and is different
                  size: requested 10GiB, is 5GiB
                  features: requested layering, is layering,journaling
                  stripeCount: requested 1024, is 1
                hint: choose another name

                """
        )
    }

    @Test func theSubjectIsNamedOnce() {
        #expect(Failure(.other, "no answer").text(about: "rbd/v") == "rbdctl: rbd/v: no answer\n")
        #expect(Failure(.other, "rbd/v is gone").text(about: "rbd/v") == "rbdctl: rbd/v is gone\n")
    }

    @Test func aFaultOfTheServiceNamesItsRequest() {
        var problem = Problem(.internalError, detail: "it broke")
        problem.instance = "req-7"
        #expect(Failure(problem).text() == "rbdctl: it broke\n  request id: req-7\n")
        problem = Problem(.imageNotFound, detail: "no")
        problem.instance = "req-7"
        #expect(Failure(problem).text() == "rbdctl: no\n")
    }

    @Test func aDetailCanNotCommandTheTerminal() {
        #expect(Failure(.other, "a\nb\u{1B}[2J").text() == "rbdctl: a\\nb\\u{1b}[2J\n")
    }

    @Test func everyImageIsTriedAndTheFirstFailureDecides() async throws {
        let specs = ["a", "b", "c"].map { ImageSpec(pool: "rbd", image: $0) }
        var tried: [String] = []
        let failures = try await ForEach(specs).run(reportingTo: Console(descriptor: -1)) { spec in
            tried.append(spec.image)
            if spec.image == "b" { throw Failure(.notFound, "") }
            if spec.image == "c" { throw Failure(.conflict, "") }
        }
        #expect(tried == ["a", "b", "c"])
        #expect(failures == ReportedFailures(status: .notFound))
    }
}

@Suite(.timeLimit(.minutes(5)))
struct ConsoleTests {
    @Test(.enabled(if: access("/dev/full", W_OK) == 0))
    func aFullDiskIsAFailure() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let failure = #expect(throws: Failure.self) { try Console(descriptor: descriptor).write("x") }
        #expect(failure?.status == .other)
        #expect(failure?.detail.contains("No space left on device") == true)
    }

    @Test func aReaderThatIsGoneIsNoFailure() throws {
        Console.ignoreBrokenPipes()
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        defer { close(ends[1]) }
        #expect(throws: Console.ReaderGone.self) { try Console(descriptor: ends[1]).write("x") }
        #expect(Rbdctl.ending(of: Console.ReaderGone()) == Rbdctl.Ending(status: .success))
    }

    /// Writes more than a pipe holds, into a pipe that does not block.
    @Test func everyByteIsWritten() async throws {
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (ends[0], ends[1])
        _ = fcntl(writeEnd, F_SETFL, O_NONBLOCK)
        let text = String(repeating: "0123456789\n", count: 100_000)
        let reading = Task.detached {
            var total = 0
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(readEnd, &buffer, buffer.count)
                if count <= 0 { return total }
                total += count
            }
        }
        try Console(descriptor: writeEnd).write(text)
        close(writeEnd)
        #expect(await reading.value == text.utf8.count)
        close(readEnd)
    }
}
