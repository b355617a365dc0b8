// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Naming
import RBDAPI
import Testing

@testable import RBDService

/// The writer writes the same as JSONEncoder, for any image.
struct JSONWriterTests {
    private static func encoded(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static func written(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter(capacity: 16)
        write(&writer)
        return String(buffer: writer.buffer)
    }

    /// The first difference of two texts, byte by byte, because Unicode may treat different bytes as equal.
    private static func difference(_ left: String, _ right: String) -> String? {
        guard !left.utf8.elementsEqual(right.utf8) else { return nil }
        let same = zip(left.utf8, right.utf8).prefix { $0 == $1 }.count
        let parts = [left, right].map {
            String(decoding: $0.utf8.dropFirst(max(0, same - 30)).prefix(60), as: UTF8.self)
        }
        return parts.map { $0.debugDescription }.joined(separator: " instead of ")
    }

    /// A random text with characters that are difficult in JSON, in Unicode and in sorting.
    private static func text<Generator: RandomNumberGenerator>(_ generator: inout Generator) -> String {
        let pieces = [
            "a", "B", "z", "10", "9", "_", "-", ".", "/", "\"", "\\", "\n", "\r\n", "\t", "\u{8}", "\u{C}", "\u{0}",
            "\u{1F}",
            "\u{7F}", "ä", "e\u{301}", "\u{2028}", "\u{FEFF}", "日", "🇩🇪", "👩‍👩‍👧", "\u{10FFFF}", " ",
        ]
        return (0..<Int.random(in: 0...6, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }
            .joined()
    }

    private static func texts<Generator: RandomNumberGenerator>(_ generator: inout Generator) -> [String] {
        (0..<Int.random(in: 0...3, using: &generator)).map { _ in text(&generator) }
    }

    private static func number<Generator: RandomNumberGenerator>(_ generator: inout Generator) -> UInt64 {
        [0, 1, 4_194_304, UInt64(Int64.max), .max, .random(in: .min ... .max, using: &generator)]
            .randomElement(using: &generator) ?? 0
    }

    private static func image<Generator: RandomNumberGenerator>(_ generator: inout Generator) -> Image {
        func chance() -> Bool { Bool.random(using: &generator) }
        let spec = ImageSpec(pool: text(&generator), namespace: text(&generator), image: text(&generator))
        let parent = ParentImage(
            spec: spec,
            imageID: text(&generator),
            snapshot: text(&generator),
            overlapBytes: number(&generator)
        )
        var image = Image(
            spec: spec,
            id: text(&generator),
            state: text(&generator),
            sizeBytes: number(&generator),
            objectSizeBytes: number(&generator),
            stripeUnitBytes: number(&generator),
            stripeCount: number(&generator),
            features: texts(&generator),
            snapshotCount: .random(in: 0 ... .max, using: &generator),
            createdAt: chance() ? text(&generator) : nil,
            dataPool: chance() ? text(&generator) : nil,
            parent: chance() ? parent : nil,
            flags: texts(&generator),
            operationFeatures: texts(&generator),
            modifiedAt: chance() ? text(&generator) : nil,
            accessedAt: chance() ? text(&generator) : nil,
            group: chance()
                ? ImageGroup(pool: text(&generator), namespace: text(&generator), name: text(&generator)) : nil
        )
        if chance() {
            image.watchers = (0..<2).map { _ in
                ImageWatcher(
                    client: text(&generator),
                    address: text(&generator),
                    cookie: number(&generator),
                    own: chance()
                )
            }
        }
        if chance() {
            image.children = (0..<2).map { _ in
                ImageChild(spec: spec, imageID: text(&generator), snapshot: text(&generator), inTrash: chance())
            }
        }
        if chance() {
            image.metadata = Dictionary((0..<5).map { _ in (text(&generator), text(&generator)) }) { $1 }
        }
        if chance() {
            let limits = QoSLimit.allCases.filter { _ in Bool.random(using: &generator) }
            image.qos = ImageQoS(values: Dictionary(uniqueKeysWithValues: limits.map { ($0, number(&generator)) }))
        }
        if chance() {
            image.usage = ImageUsage(
                provisionedBytes: number(&generator),
                usedBytes: chance() ? number(&generator) : nil,
                approximate: chance()
            )
        }
        return image
    }

    @Test func imagesAreAsJSONEncoderWritesThem() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let image = Self.image(&generator)
            let expected = try Self.encoded(image)
            let found = Self.written { $0.image(Seen(image)) }
            let difference = Self.difference(found, expected)
            #expect(difference == nil)
            if difference != nil { return }
        }
    }

    @Test func pagesAreAsJSONEncoderWritesThem() throws {
        var generator = SystemRandomNumberGenerator()
        for count in 0..<20 {
            let items = (0..<count).map { _ in Self.image(&generator) }
            let page = Page(items: items, nextCursor: Bool.random() ? Self.text(&generator) : nil)
            let written = Self.written { writer in
                writer.beginPage()
                for image in items { writer.image(Seen(image)) }
                writer.endPage(nextCursor: page.nextCursor)
            }
            #expect(try Self.difference(written, Self.encoded(page)) == nil)
        }
    }
}
