// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Several contestants that take turns. Each has one try in a round, so that other load on the machine affects all of
/// them alike. Each round begins with another contestant.
struct Contest {
    struct Contestant {
        let name: String
        /// - Returns: the value of this round, in the contest's unit.
        let attempt: (_ round: Int) throws -> Double
    }

    let unit: String
    /// A contestant that has used this many seconds in total skips the remaining rounds. Each has at least one try.
    var patience = 60.0
    var contestants: [Contestant] = []

    init(unit: String, patience: Double = 60) {
        self.unit = unit
        self.patience = patience
    }

    /// - Parameter attempt: if it fails, the contest continues without this contestant, unless it is the first one. A
    ///   bound that needs the contestant then counts as missed.
    mutating func add(_ name: String, _ attempt: @escaping (_ round: Int) throws -> Double) {
        contestants.append(Contestant(name: name, attempt: attempt))
    }

    /// - Returns: each contestant's values by round, without the rounds that it skipped.
    func run(rounds: Int) throws -> Results {
        var values: [[Int: Double]] = Array(repeating: [:], count: contestants.count)
        var spent = [Double](repeating: 0, count: contestants.count)
        var failed: Set<Int> = []
        for round in 1...max(1, rounds) {
            for turn in contestants.indices {
                let index = (turn + round - 1) % contestants.count
                if failed.contains(index) || spent[index] > patience * 1000 { continue }
                let start = ContinuousClock.now
                do {
                    values[index][round] = try contestants[index].attempt(round)
                } catch {
                    if index == 0 { throw error }
                    print("\(contestants[index].name) skips the rounds from \(round) on: \(error)")
                    failed.insert(index)
                }
                spent[index] += milliseconds(since: start)
            }
        }
        return Results(unit: unit, names: contestants.map(\.name), values: values)
    }

    struct Results {
        let unit: String
        let names: [String]
        let values: [[Int: Double]]

        func of(_ name: String) -> [Int: Double] {
            names.firstIndex(of: name).map { values[$0] } ?? [:]
        }

        /// One contestant's values divided by another's. If one of them skipped a round, its median is used instead, so
        /// that a contestant with few rounds is compared with all rounds of the other.
        func ratios(_ name: String, over other: String) -> [Double] {
            let (mine, theirs) = (of(name), of(other))
            guard !mine.isEmpty, !theirs.isEmpty else { return [] }
            let both = mine.keys.filter { theirs[$0] != nil }.sorted()
            if both.isEmpty { return [Spread(Array(mine.values)).median / Spread(Array(theirs.values)).median] }
            return both.map { mine[$0]! / theirs[$0]! }
        }

        /// - Parameter base: the contestant that the others are compared with.
        func printTable(_ title: String, base: String) {
            print("\(title); \(unit)")
            print(fill("", 26), fill("", 44), "  multiples of \(base)'s")
            print(
                fill("", 26),
                ["min", "median", "max", "rounds", "min", "median", "max"].map { pad($0, 11) }.joined()
            )
            for (name, values) in zip(names, values) where !values.isEmpty {
                let spread = Spread(Array(values.values))
                let ratios = Spread(ratios(name, over: base))
                print(
                    fill(name, 26),
                    ([spread.min, spread.median, spread.max].map(figure) + ["\(spread.count)"]
                        + [ratios.min, ratios.median, ratios.max].map(figure)).map { pad($0, 11) }.joined()
                )
            }
        }

        func record(_ recorder: Recorder, _ quantity: String, clients: Int = 1) {
            for (name, values) in zip(names, values) {
                for (round, value) in values.sorted(by: { $0.key < $1.key }) {
                    recorder.sample(name, round: round, quantity, unit, value, clients: clients)
                }
            }
        }
    }
}
