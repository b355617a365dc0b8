// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import YAML

/// The formats of results on stdout.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    case table, json, yaml, name
}

/// A value that commands print.
protocol Presentable: Encodable {
    /// The name that other commands take: a pool's name, an image's spec.
    var bareName: String { get }
    /// - Parameter detailed: for `get`, which has more columns than `list`.
    static func table(of items: [Self], detailed: Bool) -> [Table]
}

/// A value that is a row of a single table.
protocol PresentableRow: Presentable {
    /// The names of the columns.
    static func header(detailed: Bool) -> [String]
    /// The values of the columns.
    func cells(detailed: Bool) -> [String]
}

extension PresentableRow {
    static func table(of items: [Self], detailed: Bool) -> [Table] {
        [Table(header: header(detailed: detailed), rows: items.map { $0.cells(detailed: detailed) })]
    }
}

extension OutputFormat {
    /// Renders one item: an object in JSON and YAML.
    func render<Item: Presentable>(_ item: Item) throws -> String {
        switch self {
        case .json: try OrderedValue(encoding: item).json(pretty: true) + "\n"
        case .yaml: try YAMLEncoder.encode(item)
        case .table, .name: try render([item], detailed: true)
        }
    }

    /// Renders a list of items: an array in JSON and YAML.
    func render<Item: Presentable>(_ items: [Item], detailed: Bool = false) throws -> String {
        switch self {
        case .table: Item.table(of: items, detailed: detailed).map { $0.rendered() }.joined(separator: "\n")
        case .json: try OrderedValue(encoding: items).json(pretty: true) + "\n"
        case .yaml: try YAMLEncoder.encode(items)
        case .name: items.map { Escaping.name($0.bareName) + "\n" }.joined()
        }
    }
}
