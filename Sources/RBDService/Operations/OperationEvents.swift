// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import RBDAPI
import ServiceLifecycle

/// An operation's way to its end as server-sent events: one event with the whole operation whenever it has changed, and a
/// comment now and then, so that what is in between does not take the silence for a dead connection.
struct OperationEvents: Sendable {
    let service: OperationService
    let first: RBDAPI.Operation

    private static let pulse = Duration.milliseconds(400)
    private static let silence = Duration.seconds(10)

    var response: Response {
        let (events, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        // The stream outlives the request's deadline, and ends with the service or with its reader.
        let task = Deadline.$current.withValue(nil) {
            Task {
                await cancelWhenGracefulShutdown {
                    await self.write { continuation.yield(ByteBuffer(string: $0)) }
                }
                continuation.finish()
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        let body = ResponseBody(asyncSequence: events)
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: body
        )
    }

    /// Until the end of the operation, of its record, of the service, of the reader's patience, or of the token that he came with.
    private func write(_ send: (String) -> Void) async {
        var current = first
        var told: RBDAPI.Operation?
        var last = ContinuousClock.now
        do {
            while true {
                if current != told {
                    send(try Self.event(current))
                    told = current
                    last = .now
                } else if .now - last > Self.silence {
                    send(": still \(current.state.rawValue)\n\n")
                    last = .now
                }
                if current.state.isFinished { return }
                try await Task.sleep(for: Self.pulse)
                try await Access.current.requireStillValid()
                do {
                    guard let latest = try await service.follow(current.id) else { return }
                    current = latest
                } catch is CancellationError {
                    return
                } catch {
                    // The cluster may be away for a while; the stream stays.
                }
            }
        } catch {
            // Nobody reads any more, or may read.
        }
    }

    private static func event(_ operation: RBDAPI.Operation) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // JSON has no line feed of its own, so that one line holds it.
        return "event: operation\ndata: \(String(decoding: try encoder.encode(operation.seen()), as: UTF8.self))\n\n"
    }
}
