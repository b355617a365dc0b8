// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Finds the names that a name that does not exist was probably meant to be.
enum Spelling {
    /// - Returns: the names that need the fewest changes, if those are not too many.
    static func nearest(to name: String, in names: [String]) -> [String] {
        let distances = names.map { (name: $0, distance: distance($0.lowercased(), name.lowercased())) }
        guard let least = distances.map(\.distance).min(), least <= max(1, name.count / 3) else { return [] }
        return distances.filter { $0.distance == least }.map(\.name)
    }

    /// The number of letters to change, add, remove, or swap with their neighbour.
    private static func distance(_ first: String, _ second: String) -> Int {
        let (first, second) = (Array(first), Array(second))
        var rows = [Array(0...second.count)]
        for row in first.indices {
            var line = [row + 1]
            for column in second.indices {
                let isSame = first[row] == second[column]
                var least = min(rows[row][column + 1] + 1, line[column] + 1, rows[row][column] + (isSame ? 0 : 1))
                if row > 0, column > 0, first[row] == second[column - 1], first[row - 1] == second[column] {
                    least = min(least, rows[row - 1][column - 1] + 1)
                }
                line.append(least)
            }
            rows.append(line)
        }
        return rows[first.count][second.count]
    }
}
