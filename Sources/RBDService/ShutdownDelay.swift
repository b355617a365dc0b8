// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ServiceLifecycle

/// Delays the shutdown after SIGTERM: the service goes on serving, and /readyz reports that it is not ready.
///
/// Kubernetes removes a pod from its Services at the same time as it sends SIGTERM, and each node learns of that a
/// little later. Without the delay, requests that are still sent here would fail, and API servers would then refuse
/// volumes.
final class ShutdownDelay: Service {
    private let delay: Duration
    private let flag = Flag()

    init(delay: Duration) {
        self.delay = delay
    }

    var hasBegun: Bool { flag.isRaised }

    /// Must be the last service of its group: the last one is stopped first, and the others only after it has ended.
    func run() async throws {
        try await gracefulShutdown()
        flag.raise()
        // Detached, so that the shutdown that has just begun does not cancel it.
        await Task.detached { [delay] in try? await Task.sleep(for: delay) }.value
    }
}
