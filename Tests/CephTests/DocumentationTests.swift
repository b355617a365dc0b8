// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The façade's documentation names the C functions behind it. They must exist.
struct DocumentationTests {
    @Test func everyNamedCFunctionExists() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let headers = try ["/usr/include/rados/librados.h", "/usr/include/rbd/librbd.h"]
            .map { try String(contentsOfFile: $0, encoding: .utf8) }.joined()
        let sources = root.appendingPathComponent("Sources/Ceph")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        var named: Set<String> = []
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            // The list may continue on the lines below.
            for match in text.matches(of: #/- C function: (?<list>[^\n]*(?:\n *\/\/\/   [^\n]*)*)/#) {
                for symbol in match.list.matches(of: #/\b(?:rados|rbd)_[a-z0-9_]+\b/#) {
                    named.insert(String(symbol.0))
                }
            }
        }
        // These are objects, not functions.
        named.subtract([
            "rbd_id", "rbd_info", "rbd_directory", "rbd_trash", "rbd_object_map", "rbd_header", "rbd_mirroring",
        ])
        #expect(named.count > 20)
        for symbol in named {
            #expect(headers.contains("\(symbol)("), "\(symbol) is in no header")
        }
    }
}
