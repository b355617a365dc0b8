// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A hint in the service's code reaches rbdctl unchanged. If HTTP clients and rbdctl need different words, it is a
/// `Remedy`.
struct HintTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func hintsReadTheSameForAllClients() throws {
        let sources = Self.root.appendingPathComponent("Sources/RBDService")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        var count = 0
        for file in files {
            for hint in HintReader.hints(in: try String(contentsOf: file, encoding: .utf8)) {
                count += 1
                #expect(HTTPWords.found(in: hint).isEmpty, "\(file.lastPathComponent): \(hint)")
                // Hints for Kubernetes users may contain commands, because the users do not send the requests
                // themselves.
                guard !file.path.contains("/RBDService/Kubernetes/") else { continue }
                #expect(!hint.contains("rbdctl"), "\(file.lastPathComponent): \(hint)")
            }
        }
        #expect(count > 60)
    }

    @Test func theReaderFindsAllWaysToWriteAHint() {
        let source = #"""
            // hint: "a comment"
            Problem(.x, detail: "GET", hint: "one \(count { "inner" }) two", field: "f")
            Problem(
                .x,
                hint:
                    isNew
                    ? "three"
                    : "four" + "five"
            )
            problem.hint = "six"
            let other = "not one"
            problem.advise("say \"seven\"")
            var hint: String? {
                switch code {
                case .a: "eight"
                default: nil
                }
            }
            let last = "not one"
            """#
        #expect(
            HintReader.hints(in: source) == [
                "one  two", "three", "four", "five", "six", "say \"seven\"", "eight",
            ]
        )
    }
}

/// Reads the string literals of hints in Swift's source, without interpolations.
private struct HintReader {
    private let text: [Character]
    private var index = 0
    private var literals: [String] = []

    static func hints(in source: String) -> [String] {
        let code = source.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.drop { $0 == " " }.hasPrefix("//") }.joined(separator: "\n")
        var reader = HintReader(text: Array(code))
        return reader.read()
    }

    private init(text: [Character]) {
        self.text = text
    }

    private mutating func read() -> [String] {
        while index < text.count {
            if text[index] == "\"" {
                _ = literal()
            } else if text[index].isLetter {
                let name = word()
                if ["hint", "hints", "advise"].contains(name) { expression() }
            } else {
                index += 1
            }
        }
        return literals
    }

    private mutating func word() -> String {
        let start = index
        while index < text.count, text[index].isLetter || text[index].isNumber || text[index] == "_" { index += 1 }
        return String(text[start..<index])
    }

    /// Reads to the end of an argument, a statement or a declaration, and keeps its literals.
    private mutating func expression() {
        var depth = 0
        var isBegun = false
        while index < text.count {
            let character = text[index]
            switch character {
            case "\"":
                literals.append(literal())
                isBegun = true
                continue
            case "(", "[", "{": depth += 1
            case ")", "]", "}":
                if depth == 0 { return }
                depth -= 1
            case ",": if depth == 0 { return }
            case "\n": if depth == 0, isBegun, !goesOn { return }
            default: if character.isLetter { isBegun = true }
            }
            index += 1
        }
    }

    /// Whether the next line continues the expression.
    private var goesOn: Bool {
        let next = text[index...].first { !$0.isWhitespace }
        return next.map { "+?:.".contains($0) } ?? false
    }

    /// Reads a literal from its first quote to its last. Interpolations are left out.
    private mutating func literal() -> String {
        let quotes = text[index...].prefix(3).count == 3 && text[index...].prefix(3).allSatisfy { $0 == "\"" } ? 3 : 1
        index += quotes
        var content = ""
        while index < text.count {
            if text[index] == "\"", text[index...].prefix(quotes).allSatisfy({ $0 == "\"" }) {
                index += quotes
                break
            }
            guard text[index] == "\\", index + 1 < text.count else {
                content.append(text[index])
                index += 1
                continue
            }
            index += 1
            if text[index] == "(" {
                interpolation()
            } else {
                content.append(text[index])
                index += 1
            }
        }
        return content
    }

    private mutating func interpolation() {
        var depth = 0
        while index < text.count {
            switch text[index] {
            case "\"":
                _ = literal()
                continue
            case "(": depth += 1
            case ")": depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { return }
        }
    }
}
