// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import RBDAPI

/// The progress of an operation as server-sent events: an event with the whole operation whenever it has changed, and
/// otherwise a comment now and then.
struct OperationEvents: Sendable {
    let followers: OperationFollowers
    let first: RBDAPI.Operation

    var answer: Answer {
        .stream(
            ResponseBody(asyncSequence: followers.follow(first)),
            mediaType: "text/event-stream",
            headers: [.cacheControl: "no-store"]
        )
    }
}
