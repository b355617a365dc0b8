// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Rows under a header, each column as wide as its widest cell.
struct Table {
    var header: [String]
    var rows: [[String]]

    /// Every line ends with a line feed, without blanks before it.
    func rendered() -> String {
        let lines = ([header] + rows).map { $0.map { $0.isEmpty ? "-" : Escaping.terminal($0) } }
        var widths = [Int](repeating: 0, count: header.count)
        for line in lines {
            for (column, cell) in line.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        var text = ""
        for line in lines {
            for (column, cell) in line.enumerated() {
                text += cell
                if column < line.count - 1 {
                    text += String(repeating: " ", count: widths[column] - cell.count + 2)
                }
            }
            text += "\n"
        }
        return text
    }
}
