// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Turns the samples into tables for people and a summary for gnuplot, so that no figure is typed by hand.
struct Report: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Writes results.md and summary.csv from the records of the other commands, and prints the main tables.",
        discussion: "The directory may have a STORE.txt, which describes the machine that measured that store."
    )

    @Option(help: "The directory with samples.csv and bounds.csv.")
    var out: String

    func run() throws {
        let groups = try Self.groups(of: rows(of: "samples.csv"))
        let bounds = try rows(of: "bounds.csv")
        var text = "<!-- Written by dev/bench. Every figure is from its run; do not edit. -->\n"
        for store in Self.inOrder(groups.map(\.store)) {
            text += "\n## \(store == "bluestore" ? "BlueStore, on a file" : "memstore, in memory")\n"
            if let machine = try? String(contentsOfFile: "\(out)/\(store).txt", encoding: .utf8) {
                text += "\n\(machine)"
            }
            let growth = Self.growth(of: groups.filter { $0.store == store })
            let verdicts = Self.table(of: bounds.filter { $0["store"].map(String.init) == store })
            text += verdicts + growth
            for group in groups where group.store == store { text += group.table }
            print(growth, verdicts, separator: "")
        }
        try text.write(toFile: "\(out)/results.md", atomically: true, encoding: .utf8)
        let summary = ["store,workload,images,clients,quantity,unit,contestant,min,median,max,samples"]
        try ((summary + groups.flatMap(\.summary)).joined(separator: "\n") + "\n")
            .write(toFile: "\(out)/summary.csv", atomically: true, encoding: .utf8)
    }

    private typealias Row = [Substring: Substring]

    private func rows(of file: String) throws -> [Row] {
        let lines = try String(contentsOfFile: "\(out)/\(file)", encoding: .utf8).split(separator: "\n")
        guard let head = lines.first else { throw ValidationError("\(file) is empty") }
        let names = head.split(separator: ",")
        return lines.dropFirst().map { line in
            Row(uniqueKeysWithValues: zip(names, line.split(separator: ",", omittingEmptySubsequences: false)))
        }
    }

    /// Values that can be compared: the same quantity of the same workload.
    private struct Group {
        let store, workload, images, clients, quantity, unit: String
        var contestants: [String] = []
        var values: [String: [Double]] = [:]

        init(_ row: Row) {
            func cell(_ name: Substring) -> String { String(row[name] ?? "") }
            (store, workload, images) = (cell("store"), cell("workload"), cell("images"))
            (clients, quantity, unit) = (cell("clients"), cell("quantity"), cell("unit"))
        }

        var key: [String] { [store, workload, images, clients, quantity, unit] }

        mutating func add(_ row: Row) {
            let name = String(row["contestant"] ?? "")
            if values[name] == nil { contestants.append(name) }
            values[name, default: []].append(row["value"].flatMap { Double($0) } ?? 0)
        }

        /// The group as a table of GitHub's Markdown.
        var table: String {
            let title: [String?] = [
                workload == quantity ? nil : workload, images == "0" ? nil : "\(images) images",
                clients == "1" ? nil : "\(clients) clients", quantity,
            ]
            let base = Spread(values[contestants[0]] ?? []).median
            var lines = ["", "### \(title.compactMap(\.self).joined(separator: ", "))", ""]
            lines += ["| \(unit) | min | median | max | samples | times the first |", "|---|--:|--:|--:|--:|--:|"]
            for name in contestants {
                let spread = Spread(values[name]!)
                let cells = [spread.min, spread.median, spread.max].map(figure) + ["\(spread.count)"]
                lines.append("| \(name) | \(cells.joined(separator: " | ")) | \(figure(spread.median / base)) |")
            }
            return lines.joined(separator: "\n") + "\n"
        }

        var summary: [String] {
            contestants.map { name in
                let spread = Spread(values[name]!)
                let figures = [spread.min, spread.median, spread.max].map { String(format: "%.4f", $0) }
                return (key + [name] + figures + ["\(spread.count)"]).joined(separator: ",")
            }
        }
    }

    private static func groups(of rows: [Row]) throws -> [Group] {
        var groups: [Group] = []
        var places: [[String]: Int] = [:]
        for row in rows {
            let group = Group(row)
            if places[group.key] == nil {
                places[group.key] = groups.count
                groups.append(group)
            }
            groups[places[group.key]!].add(row)
        }
        return groups
    }

    private static func table(of bounds: [Row]) -> String {
        guard !bounds.isEmpty else { return "" }
        var lines = ["", "| bound | must be | median | min | max | samples | |", "|---|---|--:|--:|--:|--:|---|"]
        for row in bounds {
            let cells = ["measured", "least", "greatest"].map { (name: Substring) in
                row[name].flatMap { Double($0) }.map(figure) ?? ""
            }
            lines.append(
                "| \(row["bound"] ?? "") | \(row["limit"] ?? "") | \(cells.joined(separator: " | ")) |"
                    + " \(row["samples"] ?? "") | \(row["verdict"] ?? "") |"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A table of the cost per image in lists, with a column for each number of images.
    private static func growth(of groups: [Group]) -> String {
        let lists = groups.filter { $0.workload == "list" && $0.quantity == "per image" }
            .sorted { (Int($0.images) ?? 0) < (Int($1.images) ?? 0) }
        guard let first = lists.first else { return "" }
        let sizes = lists.map { " \($0.images) images |" }.joined()
        var lines = ["", "### list with details, cost per image by number of images", ""]
        lines += ["| us per image, median |\(sizes)", "|---|\(lists.map { _ in "--:|" }.joined())"]
        for name in first.contestants {
            let cells = lists.map { list in list.values[name].map { " \(figure(Spread($0).median)) |" } ?? " |" }
            lines.append("| \(name) |\(cells.joined())")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func inOrder(_ names: [String]) -> [String] {
        names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
