// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How long the rehearsals of outages are.
enum Rehearsal {
    /// Whether all forms of each rehearsal run: `dev/kubernetes --long`.
    static let isLong = ProcessInfo.processInfo.environment["RBD_REST_API_TEST_LONG"] == "1"
}
