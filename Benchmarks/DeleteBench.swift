// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Deletes images of 1 TiB without an object map. A purge must try to remove each of the 262,144 objects, although none
/// exists.
struct DeleteBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes of 1 TiB with the API beside librbd's move to the trash, and purges beside rbd rm."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of moves to the trash by each side.")
    var moves = 100

    @Option(help: "The number of purges by each side. One takes about 15 seconds.")
    var purges = 3

    @Option(help: "Fail if the median DELETE takes more than librbd's own move to the trash by this many milliseconds.")
    var bound = 14.25

    func run() throws {
        let librbd = try BareLibrbd(pool: places.pool)
        let client = try PlainClient(server: places.server)
        let recorder = Recorder(record, workload: "delete 1 TiB")
        let over = try measureMoves(librbd, client, recorder)
        let ratios = try measurePurges(librbd, client, recorder)
        recorder.judge("DELETE of 1 TiB: beyond rbd_trash_move", [over], unit: "ms", limit: bound)
        recorder.judge("purge of 1 TiB: times rbd rm (every round)", ratios, unit: "x", limit: 1, byWorst: true)
        try recorder.finish()
    }

    private func measureMoves(_ librbd: BareLibrbd, _ client: PlainClient, _ recorder: Recorder) throws -> Double {
        var (bare, api): ([Double], [Double]) = ([], [])
        let order = try OrderCost(client)
        for number in 0..<moves {
            for name in ["move-librbd-\(number)", "move-api-\(number)"] { try librbd.createLarge(name) }
            bare.append(try milliseconds { try librbd.moveToTrash("move-librbd-\(number)") })
            api.append(try milliseconds { try places.delete("move-api-\(number)", through: client) })
        }
        try order.tell(moves, "DELETE")
        print("deletes of 1 TiB without object map, in turns, \(moves) each; milliseconds")
        print(
            "  rbd_trash_move    median \(decimals(percentile(50, of: bare)))  p90 \(decimals(percentile(90, of: bare)))"
        )
        print(
            "  DELETE            median \(decimals(percentile(50, of: api)))  p90 \(decimals(percentile(90, of: api)))"
        )
        for number in 0..<moves {
            recorder.sample("rbd_trash_move", round: number + 1, "time", "ms", bare[number])
            recorder.sample("DELETE", round: number + 1, "time", "ms", api[number])
        }
        return percentile(50, of: api) - percentile(50, of: bare)
    }

    /// - Returns: the ratio of each round.
    private func measurePurges(
        _ librbd: BareLibrbd,
        _ client: PlainClient,
        _ recorder: Recorder
    ) throws -> [Double] {
        print("purges of 1 TiB without object map, in turns; seconds")
        print("round    rbd rm    DELETE ?purge=true    ratio")
        var ratios: [Double] = []
        for round in 1...max(1, purges) {
            for name in ["purge-rbd-\(round)", "purge-api-\(round)"] { try librbd.createLarge(name) }
            let (victim, other) = ("\(places.pool)/purge-rbd-\(round)", "purge-api-\(round)")
            let bare = try milliseconds { try RbdCommand.run("rm", "--no-progress", victim) } / 1000
            let api = try milliseconds { try places.purge(other, through: client) } / 1000
            recorder.sample("rbd rm", round: round, "purge", "s", bare)
            recorder.sample("DELETE ?purge=true", round: round, "purge", "s", api)
            ratios.append(api / bare)
            print(pad("\(round)", 5), pad(decimals(bare), 9), pad(decimals(api), 21), pad(decimals(api / bare), 8))
        }
        return ratios
    }
}
