// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An object of JSON, in the order of its members.
///
/// Objects are equal if they have the same members, in any order. The members are searched one after another: objects
/// of Kubernetes have few.
public struct JSONObject: Sendable {
    public struct Member: Equatable, Sendable {
        public var key: String
        public var value: JSONValue

        public init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    public private(set) var members: [Member]

    public init() {
        members = []
    }

    /// Takes the members as they are.
    init(_ members: [Member]) {
        self.members = members
    }

    public var isEmpty: Bool { members.isEmpty }

    /// The value of a member. If the text had the key twice, the last one counts, as in Go. Setting nil removes the
    /// member; a new member is the last one.
    public subscript(key: String) -> JSONValue? {
        get { members.last { $0.key == key }?.value }
        set {
            guard let newValue else {
                members.removeAll { $0.key == key }
                return
            }
            if let index = members.lastIndex(where: { $0.key == key }) {
                members[index].value = newValue
            } else {
                members.append(Member(key, newValue))
            }
        }
    }
}

extension JSONObject {
    /// The object with some of its members only.
    public func keeping(_ keys: Set<String>) -> JSONObject {
        JSONObject(members.filter { keys.contains($0.key) })
    }
}

extension JSONObject: Equatable {
    public static func == (one: JSONObject, other: JSONObject) -> Bool {
        one.members.count == other.members.count && one.members.allSatisfy { other[$0.key] == $0.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init()
        for (key, value) in elements { self[key] = value }
    }
}

extension JSONObject {
    /// A string; nil if the member is missing or has another type. Setting nil removes the member.
    public subscript(string key: String) -> String? {
        get { self[key]?.string }
        set { self[key] = newValue.map { .string($0) } }
    }

    /// An integer; nil if the member is missing or has another type. Setting nil removes the member.
    public subscript(int key: String) -> Int64? {
        get { self[key]?.int64 }
        set { self[key] = newValue.map { .number(JSONNumber($0)) } }
    }

    /// A boolean; nil if the member is missing or has another type. Setting nil removes the member.
    public subscript(bool key: String) -> Bool? {
        get { self[key]?.bool }
        set { self[key] = newValue.map { .bool($0) } }
    }

    /// An object; empty if the member is missing or has another type. Setting an empty object does not add a member.
    public subscript(object key: String) -> JSONObject {
        get { self[key]?.object ?? JSONObject() }
        set {
            if newValue.isEmpty, self[key] == nil { return }
            self[key] = .object(newValue)
        }
    }

    /// The objects of an array; empty if the member is missing or has another type. Setting an empty list removes the
    /// member.
    public subscript(objects key: String) -> [JSONObject] {
        get { (self[key]?.array ?? []).compactMap(\.object) }
        set { self[key] = newValue.isEmpty ? nil : .array(newValue.map { .object($0) }) }
    }

    /// The strings of an array; empty if the member is missing or has another type. Setting an empty list removes the
    /// member.
    public subscript(strings key: String) -> [String] {
        get { (self[key]?.array ?? []).compactMap(\.string) }
        set { self[key] = newValue.isEmpty ? nil : .array(newValue.map { .string($0) }) }
    }

    /// An object whose values are strings, such as labels; empty if the member is missing. Setting an empty dictionary
    /// removes the member.
    public subscript(map key: String) -> [String: String] {
        get {
            var map: [String: String] = [:]
            for member in self[object: key].members { map[member.key] = member.value.string }
            return map
        }
        set {
            let members = newValue.sorted { $0.key < $1.key }.map { Member($0.key, .string($0.value)) }
            self[key] = members.isEmpty ? nil : .object(JSONObject(members))
        }
    }

    /// A quantity as text. API servers send quantities as strings; a number is accepted, too.
    public subscript(quantity key: String) -> String? {
        get {
            switch self[key] {
            case .string(let text): text
            case .number(let number): number.text
            default: nil
            }
        }
        set { self[string: key] = newValue }
    }
}
