// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Naming
import RBDAPI

/// Lists all images of a pool with their details, and a page of them, and measures the service's memory meanwhile.
struct ListBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists with details, with the service and its peers.",
        discussion: "Creates missing images first. The bounds apply to 10,000 images."
    )

    @OptionGroup var places: Places
    @OptionGroup var peers: PeerOptions
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of images in the pool.")
    var images = 1000

    @Option(help: "The size of the images in GiB. It only affects the Dashboard, which reads each object map.")
    var gibibytes: UInt64 = 1

    @Option(help: "The number of rounds.")
    var rounds = 5

    @Option(help: "A contestant that has used this many seconds in total skips the remaining rounds.")
    var patience = 60.0

    @Option(help: "The process id of the service, to measure its memory.")
    var pid: Int?

    @Option(help: "The service's path. A new one is started in each round, to measure its first list.")
    var daemon: String?

    /// The number of images in a page of the Dashboard. A list of all images would take it minutes.
    private static let dashboardPage = 100
    private static let dashboardName = "\(Names.dashboard) page of \(dashboardPage)"

    func validate() throws {
        guard (1...10_000).contains(images) else { throw ValidationError("--images takes 1 to 10000, a page's limit") }
    }

    func run() throws {
        let recorder = Recorder(record, workload: "list", images: images)
        let librbd = try BareLibrbd(pool: places.pool)
        try librbd.fill(to: images, gibibytes: gibibytes)
        // The service opens the pool with the first request that needs it. That is not part of a list.
        _ = try connect().exchange("GET", "\(places.images)?limit=1")

        let memory = pid.map(ProcessMemory.init)
        try memory?.resetPeak()
        let before = try memory?.resident()
        // The first list of a service is a contestant of its own. The memory that it keeps counts.
        _ = try connect().exchange("GET", "\(places.images)?limit=10000")
        let streams = Streams()
        let results = try contest(librbd, streams).run(rounds: rounds)
        let growth = try memory.map { try $0.peak() - before! }

        results.printTable("list of \(images) images with details", base: Names.service)
        results.record(recorder, "per image")
        let judged = images == 10_000
        if let first = streams.report() {
            for (round, value) in first.enumerated() {
                recorder.sample(Names.service, round: round + 1, "first line", "ms", value)
            }
        }
        if let growth, let memory, let before {
            print("the service's memory: \(figure(before)) MB before, \(figure(growth)) MB more at the peak,")
            print("                      \(figure(try memory.resident() - before)) MB more afterwards")
            recorder.sample(Names.service, round: 0, "memory growth", "MB", growth)
        }
        if judged {
            judge(results, recorder)
            if let growth { recorder.judge("memory growth over the list", [growth], unit: "MB", limit: 60) }
            recorder.judge("first NDJSON line of the list", streams.firstLines, unit: "ms", limit: 50)
        }
        try measurePage(librbd, recorder, judged: judged)
        try recorder.finish()
    }

    /// Opens a new connection and uses it once. Slow contestants take longer than a server keeps an idle connection.
    private func connect(to server: String? = nil) throws -> PlainClient {
        let client = try PlainClient(server: server ?? places.server)
        _ = try client.exchange("GET", "/livez")
        return client
    }

    private func contest(_ librbd: BareLibrbd, _ streams: Streams) throws -> Contest {
        var contest = Contest(unit: "us per image", patience: patience)
        let (pool, images) = (places.pool, images)
        let path = "\(places.images)?limit=10000"
        // A list of so few images takes milliseconds, so the median of several lists is steadier.
        let repeats = max(1, min(10, 5000 / images))
        func median(_ list: () throws -> Double) throws -> Double {
            Spread(try (0..<repeats).map { _ in try list() / Double(images) * 1000 }).median
        }
        func ask(_ server: String? = nil, accept: String) throws -> Double {
            let client = try connect(to: server)
            var answer = Answer(status: 0, contentType: "", body: [])
            let taken = try milliseconds { answer = try client.exchange("GET", path, accept: accept) }
            try Self.check(answer, has: images)
            if !accept.isEmpty { streams.add(answer) }
            return taken
        }
        contest.add(Names.service) { _ in try median { try ask(accept: "") } }
        contest.add("\(Names.service) NDJSON") { _ in try median { try ask(accept: "application/x-ndjson") } }
        if let daemon {
            contest.add("\(Names.service) first list") { _ in
                try median {
                    let service = try FreshService(daemon)
                    _ = try connect(to: service.url).exchange("GET", "\(places.images)?limit=1")
                    return try ask(service.url, accept: "")
                }
            }
        }
        contest.add(Names.bare) { _ in
            try median {
                var found = 0
                let taken = try milliseconds { found = try librbd.listWithDetails(expecting: images).images }
                guard found == images else { throw ValidationError("librbd lists \(found) images, not \(images)") }
                return taken
            }
        }
        contest.add("\(Names.rbd) ls -l") { _ in
            var lines = 0
            let taken = try milliseconds { lines = try RbdCommand.run("ls", "-l", pool) }
            guard lines == images + 1 else { throw ValidationError("rbd ls -l printed \(lines) lines") }
            return taken / Double(images) * 1000
        }
        if let python = try peers.openPython() {
            contest.add("\(Names.python) 16 threads") { _ in try python.list(pool) / Double(images) * 1000 }
        }
        if let dashboard = try peers.openDashboard() {
            let size = min(images, Self.dashboardPage)
            contest.add(Self.dashboardName) { round in
                let connection = try dashboard.connect()
                var answer = Answer(status: 0, contentType: "", body: [])
                // Each round reads another page.
                let offset = (round - 1) * size % (images - size + 1)
                let taken = try milliseconds {
                    answer = try dashboard.page(of: pool, limit: size, offset: offset, through: connection)
                }
                // The name of each image occurs once.
                let found = count(of: #""unique_id":"#, in: answer.body)
                guard found == size else { throw ValidationError("the Dashboard listed \(found) images, not \(size)") }
                return taken / Double(size) * 1000
            }
        }
        return contest
    }

    private func judge(_ results: Contest.Results, _ recorder: Recorder) {
        let peers = [
            ("list: times faster than rbd ls -l", "\(Names.rbd) ls -l", 60.0),
            ("list: times faster per image than the Dashboard", Self.dashboardName, 1000),
        ]
        for (bound, peer, limit) in peers {
            recorder.judge(bound, results.ratios(peer, over: Names.service), unit: "x", limit: limit, atLeast: true)
        }
        let floor = results.ratios(Names.service, over: Names.bare)
        recorder.judge("list: times the bare read floor", floor, unit: "x", limit: 2)
    }

    /// The cost of a page, minus the cost of listing all names, without which no page can be chosen.
    private func measurePage(_ librbd: BareLibrbd, _ recorder: Recorder, judged: Bool) throws {
        let client = try connect()
        var over: [Double] = []
        print("page of 100 out of \(images) images beside rbd_list2 of all, 20 in turns per round; ms, medians")
        print("round  rbd_list2       page       over")
        for round in 1...max(1, rounds) {
            var (names, pages): ([Double], [Double]) = ([], [])
            for _ in 0..<20 {
                names.append(try milliseconds { _ = try librbd.list(expecting: images) })
                var answer = Answer(status: 0, contentType: "", body: [])
                pages.append(try milliseconds { answer = try client.exchange("GET", "\(places.images)?limit=100") })
                try Self.check(answer, has: min(100, images))
            }
            let (floor, page) = (Spread(names).median, Spread(pages).median)
            over.append(page - floor)
            print(pad("\(round)", 5), [floor, page, page - floor].map { pad(figure($0), 10) }.joined(separator: " "))
            recorder.sample("rbd_list2", round: round, "page of 100", "ms", floor)
            recorder.sample(Names.service, round: round, "page of 100", "ms", page)
        }
        if judged { recorder.judge("page of 100 out of 10000: beyond rbd_list2", over, unit: "ms", limit: 15) }
    }

    private static func check(_ answer: Answer, has images: Int) throws {
        guard answer.status == 200 else { throw ValidationError("the list answered \(answer.status): \(answer.text)") }
        let found = count(of: #""spec":"#, in: answer.body)
        guard found == images else { throw ValidationError("the service lists \(found) images, not \(images)") }
    }
}

/// The times of NDJSON answers.
private final class Streams {
    private(set) var firstLines: [Double] = []
    private var others = 0

    func add(_ answer: Answer) {
        if let time = answer.firstLine { firstLines.append(time) } else { others += 1 }
    }

    /// - Returns: nil if the service does not answer in NDJSON.
    func report() -> [Double]? {
        guard others == 0 else {
            print(
                "the service answered application/json instead of application/x-ndjson, so its first line is not measured"
            )
            return nil
        }
        let spread = Spread(firstLines)
        print(
            "first NDJSON line after \(figure(spread.min)) / \(figure(spread.median)) / \(figure(spread.max)) ms (min/median/max)"
        )
        return firstLines
    }
}

extension BareLibrbd {
    /// Creates images until the pool has that many.
    func fill(to images: Int, gibibytes: UInt64 = 1, threads: Int = 16) throws {
        let present = try list(expecting: images).count
        guard present <= images else { throw ValidationError("the pool has \(present) images, more than \(images)") }
        if present == images { return }
        print("creating \(images - present) images")
        let numbers = Counter(from: present, below: images)
        _ = try Crowd.run(threads) { _ in
            { while let number = numbers.next() { try self.create(Self.name(number), gibibytes: gibibytes) } }
        }
    }

    static func name(_ number: Int) -> String { "image-\(number)" }
}
