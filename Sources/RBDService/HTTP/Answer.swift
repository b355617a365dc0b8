// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import RBDAPI

/// The answer of a handler. JSON in it is made only of values that say what a caller must not see of them (`Redacted`).
struct Answer: Sendable {
    private(set) var response: Response

    private init(_ status: HTTPResponse.Status, _ headers: HTTPFields = [:], _ body: ResponseBody = ResponseBody()) {
        response = Response(status: status, headers: headers, body: body)
    }

    static let noContent = Answer(.noContent)

    static func notModified(_ headers: HTTPFields) -> Answer { Answer(.notModified, headers) }

    static func json(
        _ value: some Redacted,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Answer {
        // The service's own types can always be encoded. So a failure is a bug, not the request's fault.
        guard let json = SeenJSON(Seen(value)) else { return Answer(.internalServerError) }
        return .json(json, status: status, headers: headers)
    }

    static func json(
        _ json: SeenJSON,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Answer {
        var headers = headers
        headers[.contentType] = "application/json"
        return Answer(status, headers, .chunked(json.buffer))
    }

    /// - Parameter location: the path of what was created.
    static func created(_ value: some Redacted, at location: String) -> Answer {
        .json(value, status: .created, headers: [.location: location])
    }

    /// A body that is the same for all callers.
    static func sameForAll(_ bytes: ByteBuffer, mediaType: String) -> Answer {
        Answer(.ok, [.contentType: mediaType], ResponseBody(byteBuffer: bytes))
    }

    /// A body that is written while it is sent.
    /// - Parameter body: must be made of `Seen` values, by the access that the request had.
    static func stream(_ body: ResponseBody, mediaType: String, headers: HTTPFields = [:]) -> Answer {
        var headers = headers
        headers[.contentType] = mediaType
        return Answer(.ok, headers, body)
    }

    /// The plan of a dry run, or the answer to a change.
    init<Value>(_ attempt: Attempt<Value>, _ done: (Value) async throws -> Answer) async rethrows {
        switch attempt {
        case .done(let value): self = try await done(value)
        case .planned(let plan): self = .json(plan)
        }
    }

    /// The same answer. It keeps an object alive until the body is sent, or until the client has gone.
    func keeping(_ thing: some AnyObject & Sendable) -> Answer {
        var answer = self
        answer.response.body = response.body.keeping(thing)
        return answer
    }
}

/// The outcome of a request that changes something: what it has made, or the plan of its dry run.
///
/// Each change is one method of a service, with a parameter `isDryRun`. The method makes the checks that both need.
/// Then it returns the plan, or makes the change. A dry run claims nothing and changes nothing.
enum Attempt<Value: Sendable>: Sendable {
    case done(Value)
    case planned(Plan)

    /// A plan that is allowed, and has one step.
    init(_ step: Plan.Step) {
        self.init([step])
    }

    /// A plan that is allowed.
    init(_ steps: [Plan.Step]) {
        self = .planned(Plan(steps: steps))
    }

    /// The outcome if there is nothing to change. The plan then has no steps.
    static func unchanged(_ value: Value, isDryRun: Bool) -> Attempt {
        isDryRun ? Attempt([]) : .done(value)
    }
}

extension ResponseBody {
    private static let chunk = 128 << 10

    /// A long body is sent, and compressed if the client accepts that, piece by piece. In between, the thread serves
    /// others.
    fileprivate static func chunked(_ buffer: ByteBuffer) -> ResponseBody {
        guard buffer.readableBytes > chunk else { return ResponseBody(byteBuffer: buffer) }
        return ResponseBody(contentLength: buffer.readableBytes) { writer in
            var rest = buffer
            while let piece = rest.readSlice(length: min(chunk, rest.readableBytes)), piece.readableBytes > 0 {
                try await writer.write(piece)
            }
            try await writer.finish(nil)
        }
    }

    /// The same body. It keeps an object alive until the body is written, or until the client has gone.
    func keeping(_ thing: some AnyObject & Sendable) -> ResponseBody {
        ResponseBody(contentLength: contentLength) { writer in
            defer { withExtendedLifetime(thing) {} }
            try await write(writer)
        }
    }
}
