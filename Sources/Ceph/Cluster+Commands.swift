// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import FoundationEssentials

/// A command for the monitors, in the JSON form that `ceph` sends. Every value keeps its JSON type.
struct MonitorCommand: Encodable {
    enum Value: Encodable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral {
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

    private var members: [String: Value]

    init(_ prefix: String, _ arguments: [String: Value] = [:]) {
        members = arguments
        members["prefix"] = .string(prefix)
        members["format"] = "json"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(members)
    }
}

/// The answer of a monitor: its data, and the message that `ceph` would print to standard error.
struct MonitorAnswer {
    var data: [UInt8]
    var message: String

    func decoded<Value: Decodable>(
        as type: Value.Type = Value.self,
        _ operation: CephError.Operation
    ) throws(CephError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(data))
        } catch {
            throw CephError(.other, operation, on: .cluster, detail: "the monitor's answer can't be read: \(error)")
        }
    }
}

extension RadosHandle {
    /// Sends a command to the monitors and waits for the answer.
    /// - Throws: `CephError`; its detail is the monitor's own message.
    func command(
        _ command: MonitorCommand,
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) -> MonitorAnswer {
        let json: String
        do {
            json = String(decoding: try JSONEncoder().encode(command), as: UTF8.self)
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
