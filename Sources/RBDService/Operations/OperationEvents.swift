// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import RBDAPI

/// An operation's way to its end as server-sent events: one event with the whole operation whenever it has changed, and
/// a comment now and then.
struct OperationEvents: Sendable {
    let followers: OperationFollowers
    let first: RBDAPI.Operation

    var response: Response {
        get throws {
            Response(
                status: .ok,
                headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
                body: ResponseBody(asyncSequence: try followers.follow(first))
            )
        }
    }
}
