// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A JSON body of a request. Unknown fields are refused, because a typo must not be ignored.
public protocol RequestBody: Decodable, Sendable {
    associatedtype CodingKeys: CodingKey, CaseIterable, RawRepresentable where CodingKeys.RawValue == String

    /// The fields that the body may have. The default is all coding keys.
    static var fieldNames: [String] { get }
}

extension RequestBody {
    public static var fieldNames: [String] { CodingKeys.allCases.map(\.rawValue) }
}

/// A body that has only a name.
public struct NameRequest: Codable, Hashable, Sendable, RequestBody {
    public var name: String

    public init(name: String) {
        self.name = name
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case name
    }
}

/// A body together with the check that it has no unknown field.
public struct Strict<Body: RequestBody>: Decodable, Sendable {
    public var body: Body

    public init(from decoder: any Decoder) throws {
        try decoder.refuseFields(otherThan: Body.fieldNames)
        body = try Body(from: decoder)
    }
}

extension Decoder {
    /// - Parameter prefix: the path of the object within the body, such as `source.`.
    /// - Throws: ``UnknownField``.
    func refuseFields(otherThan known: [String], prefix: String = "") throws {
        let container = try container(keyedBy: AnyKey.self)
        let names = Set(known)
        // Sorted, so that the same body always gets the same response.
        if let unknown = container.allKeys.map(\.stringValue).filter({ !names.contains($0) }).min() {
            throw UnknownField(name: prefix + unknown, known: known.map { prefix + $0 })
        }
    }
}

private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// A body has a field that the service does not know.
public struct UnknownField: Error, Hashable, Sendable {
    public var name: String
    public var known: [String]

    public init(name: String, known: [String]) {
        self.name = name
        self.known = known
    }
}

extension KeyedDecodingContainer {
    /// A whole number, or nil if there is none. For a number that does not fit, Foundation's decoder reports only that
    /// the body is not JSON. This error names the field.
    func wholeNumber<Number: FixedWidthInteger & Decodable>(_ type: Number.Type, forKey key: Key) throws -> Number? {
        do {
            return try decodeIfPresent(type, forKey: key)
        } catch let error as DecodingError {
            throw error
        } catch {
            throw DecodingError.dataCorruptedError(
                forKey: key,
                in: self,
                debugDescription: "it must be a whole number\(Number.isSigned ? "" : ", 0 or more")"
            )
        }
    }
}
