// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import FoundationEssentials

/// The value of an argument of a monitor command. It keeps its JSON type.
enum MonitorValue: Encodable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case strings([String])

    init(stringLiteral value: String) { self = .string(value) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .boolean(let value): try container.encode(value)
        case .strings(let value): try container.encode(value)
        }
    }
}

/// The answer of a monitor: its data, and the message that `ceph` would print to standard error.
struct MonitorAnswer {
    var data: [UInt8]
    var message: String
}

extension RadosHandle {
    /// Sends a command to the monitors, and decodes the JSON of the answer.
    func answer<Value: Decodable>(
        to prefix: String,
        with arguments: [String: MonitorValue] = [:],
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) -> Value {
        let answer = try command(prefix, with: arguments, operation, on: resource)
        do {
            return try JSONDecoder().decode(Value.self, from: Data(answer.data))
        } catch {
            throw CephError(.other, operation, on: .cluster, detail: "the monitor's answer can't be read: \(error)")
        }
    }

    /// Sends a command to the monitors, in the JSON form that `ceph` sends, and waits for the answer.
    /// - Throws: `CephError`; its detail is the monitor's own message.
    func command(
        _ prefix: String,
        with arguments: [String: MonitorValue] = [:],
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) -> MonitorAnswer {
        var members = arguments
        members["prefix"] = .string(prefix)
        members["format"] = "json"
        let json: String
        do {
            json = String(decoding: try JSONEncoder().encode(members), as: UTF8.self)
        } catch {
            throw CephError(.other, operation, on: resource, detail: "the command can't be written: \(error)")
        }
        var (data, dataLength): (UnsafeMutablePointer<CChar>?, Int) = (nil, 0)
        var (message, messageLength): (UnsafeMutablePointer<CChar>?, Int) = (nil, 0)
        let result = json.withCString { text in
            var texts: [UnsafePointer<CChar>?] = [text]
            return rados_mon_command(pointer, &texts, 1, nil, 0, &data, &dataLength, &message, &messageLength)
        }
        defer {
            // librados allocates both buffers, and the caller must free them, whatever it returns.
            if let data { rados_buffer_free(data) }
            if let message { rados_buffer_free(message) }
        }
        let answer = MonitorAnswer(
            data: Array(UnsafeRawBufferPointer(start: data, count: dataLength)),
            message: String(decoding: UnsafeRawBufferPointer(start: message, count: messageLength), as: UTF8.self)
        )
        guard result >= 0 else {
            let detail = answer.message.isEmpty ? nil : answer.message
            throw CephError(errno: -result, operation, on: resource, detail: detail)
        }
        return answer
    }
}
