// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Deletes images of 1 TiB without an object map, each of whose 262,144 objects must be asked for although none exists.
struct DeleteBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes of 1 TiB through the API beside librbd's move to the trash, and purges beside rbd rm."
    )

    @OptionGroup var places: Places

    @Option(help: "Moves to the trash by each side.")
    var moves = 100

    @Option(help: "Purges by each side; one takes a quarter of a minute.")
    var purges = 3

    @Option(help: "How many milliseconds a DELETE may take beyond librbd's own move to the trash, at the median.")
    var bound = 100.0

    func run() throws {
        let librbd = try BareLibrbd(pool: places.pool)
        let client = try PlainClient(server: places.server)
        let over = try measureMoves(librbd, client)
        let ratio = try measurePurges(librbd, client)
        print(
            "DELETE beyond the trash move: \(decimals(over)) ms, bound \(decimals(bound)): \(over <= bound ? "met" : "missed")"
        )
        print("purge beside rbd rm: \(decimals(ratio)), bound 1.00: \(ratio <= 1 ? "met" : "missed")")
        if over > bound || ratio > 1 { throw ExitCode(1) }
    }

    private func measureMoves(_ librbd: BareLibrbd, _ client: PlainClient) throws -> Double {
        var (bare, api): ([Double], [Double]) = ([], [])
        for number in 0..<moves {
            for name in ["move-librbd-\(number)", "move-api-\(number)"] { try librbd.createLarge(name) }
            bare.append(try milliseconds { try librbd.moveToTrash("move-librbd-\(number)") })
            api.append(
                try milliseconds {
                    let (status, body) = try client.send("DELETE", "\(places.images)/move-api-\(number)")
                    guard status == 200 else { throw ValidationError("DELETE answered \(status): \(body)") }
                }
            )
        }
        print("deletes of 1 TiB without object map, by turns, \(moves) each; milliseconds")
        print(
            "  rbd_trash_move    median \(decimals(percentile(50, of: bare)))  p90 \(decimals(percentile(90, of: bare)))"
        )
        print(
            "  DELETE            median \(decimals(percentile(50, of: api)))  p90 \(decimals(percentile(90, of: api)))"
        )
        return percentile(50, of: api) - percentile(50, of: bare)
    }

    /// - Returns: the worst ratio of a round.
    private func measurePurges(_ librbd: BareLibrbd, _ client: PlainClient) throws -> Double {
        print("purges of 1 TiB without object map, by turns; seconds")
        print("round    rbd rm    DELETE ?purge=true    ratio")
        var worst = 0.0
        for round in 1...max(1, purges) {
            for name in ["purge-rbd-\(round)", "purge-api-\(round)"] { try librbd.createLarge(name) }
            let bare = try milliseconds { try rbd("rm", "--no-progress", "\(places.pool)/purge-rbd-\(round)") } / 1000
            let api = try milliseconds { try purge("purge-api-\(round)", client) } / 1000
            worst = max(worst, api / bare)
            print(pad("\(round)", 5), pad(decimals(bare), 9), pad(decimals(api), 21), pad(decimals(api / bare), 8))
        }
        return worst
    }

    private func purge(_ name: String, _ client: PlainClient) throws {
        var (status, body) = try client.send("DELETE", "\(places.images)/\(name)?purge=true")
        guard status == 202, let id = Self.member("id", of: body) else {
            throw ValidationError("DELETE answered \(status): \(body)")
        }
        repeat {
            (status, body) = try client.send("GET", "/v1/operations/\(id)?wait=20s")
            guard status == 200, let state = Self.member("state", of: body) else {
                throw ValidationError("GET answered \(status): \(body)")
            }
            if state == "succeeded" { return }
            guard state == "queued" || state == "running" else { throw ValidationError("the purge \(state): \(body)") }
        } while true
    }

    private static func member(_ name: String, of json: String) -> String? {
        (try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])?[name] as? String
    }

    private func rbd(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/rbd")
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ValidationError("rbd \(arguments) failed") }
    }
}
