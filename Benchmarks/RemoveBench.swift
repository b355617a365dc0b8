// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Deletes small images: for good beside `rbd_remove`, and into the trash beside `rbd_trash_move`.
struct RemoveBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Deletes small images beside librbd: purges beside rbd_remove, deletes beside rbd_trash_move."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of images that each contestant deletes in one round.")
    var count = 20

    @Option(help: "The number of rounds.")
    var rounds = 5

    func run() throws {
        let recorder = Recorder(record, workload: "remove")
        let librbd = try BareLibrbd(pool: places.pool)
        let client = try PlainClient(server: places.server)
        let places = places
        let stamp = String(Int(Date().timeIntervalSince1970), radix: 36)

        /// Creates images, and then deletes them one after another.
        /// - Returns: the median time of a deletion, in milliseconds.
        func median(_ kind: String, _ round: Int, _ delete: (String) throws -> Void) throws -> Double {
            let names = (0..<count).map { "\(stamp)-\(kind)-\(round)-\($0)" }
            for name in names { try librbd.create(name) }
            return Spread(try names.map { name in try milliseconds { try delete(name) } }).median
        }

        var purges = Contest(unit: "ms")
        purges.add("DELETE ?purge=true") { try median("purge", $0) { try places.purge($0, through: client) } }
        purges.add("rbd_remove") { try median("remove", $0) { try librbd.remove($0) } }
        let purged = try purges.run(rounds: rounds)
        purged.printTable(
            "small images deleted for good, the median of \(count) in a round",
            base: "DELETE ?purge=true"
        )
        purged.record(recorder, "median")

        var moves = Contest(unit: "ms")
        moves.add("DELETE") { try median("delete", $0) { try places.delete($0, through: client) } }
        moves.add("rbd_trash_move") { try median("move", $0) { try librbd.moveToTrash($0) } }
        let moved = try moves.run(rounds: rounds)
        moved.printTable("small images deleted into the trash, the median of \(count) in a round", base: "DELETE")
        moved.record(recorder, "median")
        try recorder.finish()
    }
}

extension Places {
    func delete(_ name: String, through client: PlainClient) throws {
        let (status, body) = try client.send("DELETE", "\(images)/\(name)")
        guard status == 200 else { throw ValidationError("DELETE answered \(status): \(body)") }
    }

    /// Deletes an image for good, and waits until nothing is left of it.
    func purge(_ name: String, through client: PlainClient) throws {
        var (status, body) = try client.send("DELETE", "\(images)/\(name)?purge=true")
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
}
