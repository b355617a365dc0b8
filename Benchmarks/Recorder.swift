// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Where a benchmark's samples go.
struct RecordOptions: ParsableArguments {
    @Option(
        help: "Write samples.csv and bounds.csv into this directory, and replace earlier results of the same workload."
    )
    var out: String?

    @Option(help: "The OSD's object store, for the record only.")
    var store = "memstore"
}

/// Records the samples and the bounds of a benchmark, and writes them to files for the tables and plots.
final class Recorder {
    static let sampleColumns = "store,workload,contestant,images,clients,round,quantity,unit,value"
    static let boundColumns = "store,workload,images,bound,limit,measured,least,greatest,samples,verdict"

    private let options: RecordOptions
    private let workload: String
    private let images: Int
    private var lines: [String] = []
    private var bounds: [String] = []
    private(set) var missed = false

    /// - Parameter images: the number of images during the workload, if it matters.
    init(_ options: RecordOptions, workload: String, images: Int = 0) {
        self.options = options
        self.workload = workload
        self.images = images
    }

    func sample(
        _ contestant: String,
        round: Int,
        _ quantity: String,
        _ unit: String,
        _ value: Double,
        clients: Int = 1
    ) {
        lines.append("\(prefix),\(contestant),\(images),\(clients),\(round),\(quantity),\(unit),\(precise(value))")
    }

    /// Prints and records whether the median of the values meets a bound.
    /// - Parameters:
    ///   - values: empty if nothing could be measured.
    ///   - atLeast: whether the limit is a minimum instead of a maximum.
    ///   - byWorst: whether every value must meet the bound, not only the median.
    func judge(
        _ bound: String,
        _ values: [Double],
        unit: String,
        limit: Double,
        atLeast: Bool = false,
        byWorst: Bool = false
    ) {
        let relation = "\(atLeast ? ">=" : "<=") \(figure(limit)) \(unit)"
        let row = "\(prefix),\(images),\(bound),\(relation)"
        guard !values.isEmpty else {
            missed = true
            print("bound: \(bound): not measured, must be \(relation): missed")
            bounds.append("\(row),,,,0,not measured")
            return
        }
        let spread = Spread(values)
        let decisive = byWorst ? (atLeast ? spread.min : spread.max) : spread.median
        let met = atLeast ? decisive >= limit : decisive <= limit
        if !met { missed = true }
        print(
            "bound: \(bound): \(figure(spread.median)) \(unit)",
            "(\(figure(spread.min)) to \(figure(spread.max)) in \(spread.count)), must be \(relation):",
            met ? "met" : "missed"
        )
        let values = [spread.median, spread.min, spread.max].map(precise).joined(separator: ",")
        bounds.append("\(row),\(values),\(spread.count),\(met ? "met" : "missed")")
    }

    /// Writes the files.
    /// - Throws: `ExitCode(1)` if a bound was missed.
    func finish() throws {
        if let directory = options.out {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try replace(in: "\(directory)/samples.csv", Self.sampleColumns, with: lines, imagesAt: 3)
            try replace(in: "\(directory)/bounds.csv", Self.boundColumns, with: bounds, imagesAt: 2)
        }
        if missed { throw ExitCode(1) }
    }

    private var prefix: String { "\(options.store),\(workload)" }

    private func precise(_ value: Double) -> String { String(format: "%.4f", value) }

    private func replace(in file: String, _ columns: String, with rows: [String], imagesAt column: Int) throws {
        let old = (try? String(contentsOfFile: file, encoding: .utf8))?.split(separator: "\n").dropFirst() ?? []
        let others = old.filter { row in
            let cells = row.split(separator: ",", omittingEmptySubsequences: false)
            return !(row.hasPrefix(prefix + ",") && cells.count > column && cells[column] == "\(images)")
        }
        let text = ([columns] + others.map(String.init) + rows).joined(separator: "\n") + "\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }
}
