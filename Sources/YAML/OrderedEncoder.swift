// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The target of one encoded value. It is a class, because Codable's containers write to the object that they were
/// opened on.
final class EncodingSlot {
    private enum Content {
        case empty
        case leaf(OrderedValue)
        case array([EncodingSlot])
        /// The positions of the keys are stored with the members, so that a dictionary of any size is encoded in linear
        /// time.
        case object([(key: String, slot: EncodingSlot)], places: [String: Int])
    }

    private var content = Content.empty

    /// A type that encodes nothing at all is null.
    var value: OrderedValue {
        switch content {
        case .empty: .null
        case .leaf(let value): value
        case .array(let slots): .array(slots.map(\.value))
        case .object(let members, _): .object(members.map { OrderedValue.Member($0.key, $0.slot.value) })
        }
    }

    var count: Int {
        if case .array(let slots) = content { slots.count } else { 0 }
    }

    func set(_ value: OrderedValue) {
        content = .leaf(value)
    }

    /// Opens an object, or continues with the one that is open: a type may encode its parts into the same object.
    func openObject() {
        if case .object = content { return }
        content = .object([], places: [:])
    }

    func openArray() {
        if case .array = content { return }
        content = .array([])
    }

    func append() -> EncodingSlot {
        guard case .array(var slots) = content else { return EncodingSlot() }
        // Emptied first, so that the array is not copied for each element.
        content = .empty
        let slot = EncodingSlot()
        slots.append(slot)
        content = .array(slots)
        return slot
    }

    func member(_ key: String) -> EncodingSlot {
        guard case .object(var members, var places) = content else { return EncodingSlot() }
        if let place = places[key] { return members[place].slot }
        content = .empty
        let slot = EncodingSlot()
        places[key] = members.count
        members.append((key, slot))
        content = .object(members, places: places)
        return slot
    }
}

/// Encodes into an ``EncodingSlot``, keeping the order of the calls.
struct OrderedEncoder: Encoder {
    let slot: EncodingSlot
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        slot.openObject()
        return KeyedEncodingContainer(Keyed(slot: slot, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        slot.openArray()
        return Unkeyed(slot: slot, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        Single(slot: slot, codingPath: codingPath)
    }

    struct Single: SingleValueEncodingContainer {
        let slot: EncodingSlot
        let codingPath: [any CodingKey]

        func encodeNil() { slot.set(.null) }
        func encode(_ value: Bool) { slot.set(.bool(value)) }
        func encode(_ value: String) { slot.set(.string(value)) }
        func encode(_ value: Double) { slot.set(.double(value)) }
        func encode(_ value: Float) { slot.set(.double(Double(value))) }
        func encode(_ value: Int) { slot.set(.integer(Int128(value))) }
        func encode(_ value: Int8) { slot.set(.integer(Int128(value))) }
        func encode(_ value: Int16) { slot.set(.integer(Int128(value))) }
        func encode(_ value: Int32) { slot.set(.integer(Int128(value))) }
        func encode(_ value: Int64) { slot.set(.integer(Int128(value))) }
        func encode(_ value: UInt) { slot.set(.integer(Int128(value))) }
        func encode(_ value: UInt8) { slot.set(.integer(Int128(value))) }
        func encode(_ value: UInt16) { slot.set(.integer(Int128(value))) }
        func encode(_ value: UInt32) { slot.set(.integer(Int128(value))) }
        func encode(_ value: UInt64) { slot.set(.integer(Int128(value))) }

        func encode<Value: Encodable>(_ value: Value) throws {
            try value.encode(to: OrderedEncoder(slot: slot, codingPath: codingPath))
        }
    }

    /// The generic `encode` covers all overloads that the protocol requires, here and in ``Unkeyed``: the primitive
    /// types encode themselves into a single-value container.
    struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let slot: EncodingSlot
        let codingPath: [any CodingKey]

        private func child(_ key: any CodingKey) -> OrderedEncoder {
            OrderedEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key])
        }

        func encodeNil(forKey key: Key) { child(key).slot.set(.null) }

        func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
            try value.encode(to: child(key))
        }

        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type,
            forKey key: Key
        ) -> KeyedEncodingContainer<Nested> {
            child(key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            child(key).unkeyedContainer()
        }

        func superEncoder() -> any Encoder { child(PlainKey(stringValue: "super")) }
        func superEncoder(forKey key: Key) -> any Encoder { child(key) }
    }

    struct Unkeyed: UnkeyedEncodingContainer {
        let slot: EncodingSlot
        let codingPath: [any CodingKey]
        var count: Int { slot.count }

        private func child() -> OrderedEncoder {
            let key = PlainKey(intValue: count)
            return OrderedEncoder(slot: slot.append(), codingPath: codingPath + [key])
        }

        func encodeNil() { child().slot.set(.null) }
        func encode<Value: Encodable>(_ value: Value) throws { try value.encode(to: child()) }

        func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
            child().container(keyedBy: type)
        }

        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { child().unkeyedContainer() }
        func superEncoder() -> any Encoder { child() }
    }

    private struct PlainKey: CodingKey {
        var stringValue: String
        var intValue: Int?

        init(stringValue: String) { self.stringValue = stringValue }

        init(intValue: Int) { (stringValue, self.intValue) = (String(intValue), intValue) }
    }
}
