// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Finds the members that a type encodes, by decoding a value from a decoder that has a value for everything.
enum MemberCollector {
    static func members(of type: any Decodable.Type) -> Set<String> {
        let collector = Collector()
        _ = try? type.init(from: collector)
        return collector.members
    }

    private final class Collector: Decoder {
        var members: Set<String> = []
        var codingPath: [any CodingKey] { [] }
        var userInfo: [CodingUserInfoKey: Any] { [:] }

        func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
            KeyedDecodingContainer(Keyed<Key>(collector: self))
        }
        func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw CancellationError() }
        func singleValueContainer() throws -> any SingleValueDecodingContainer { throw CancellationError() }
    }

    private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
        var collector: Collector
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { [] }

        private func note(_ key: Key) { collector.members.insert(key.stringValue) }

        func contains(_ key: Key) -> Bool {
            note(key)
            return false
        }
        func decodeNil(forKey key: Key) -> Bool {
            note(key)
            return true
        }
        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            note(key)
            let any: [any Decodable] = [
                "", 0 as Int, 0 as Int64, 0 as UInt64, 0 as Double, [String](), false,
            ]
            if let value = any.lazy.compactMap({ $0 as? Value }).first { return value }
            if let cases = Value.self as? any CaseIterable.Type, let value = first(of: cases) as? Value { return value }
            return try Value(from: Collector())
        }
        private func first(of type: any CaseIterable.Type) -> Any? {
            func first<Cases: CaseIterable>(_ type: Cases.Type) -> Any? { type.allCases.first }
            return first(type)
        }
        func nestedContainer<Nested: CodingKey>(
            keyedBy: Nested.Type,
            forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> {
            throw CancellationError()
        }
        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            throw CancellationError()
        }
        func superDecoder() throws -> any Decoder { throw CancellationError() }
        func superDecoder(forKey key: Key) throws -> any Decoder { throw CancellationError() }
    }
}
