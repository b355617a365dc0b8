// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ServiceLifecycle

/// The time between being told to end and ending: the service goes on serving, and says that it is not ready any more.
///
/// Kubernetes takes a pod out of its Services in the same moment as it sends SIGTERM, and each node learns of that when it does.
/// Whoever is sent here meanwhile would find nobody; an API server then refuses the volume.
final class Farewell: Service {
    private let delay: Duration
    private let flag = Flag()

    init(delay: Duration) {
        self.delay = delay
    }

    /// Whether the service has been told to end.
    var hasBegun: Bool { flag.isRaised }

    /// To be the last of a group's services: it is the first that is asked to end, and the others are asked when it has.
    func run() async throws {
        try await gracefulShutdown()
        flag.raise()
        // Not one that ends with the shutdown that has just begun.
        await Task.detached { [delay] in try? await Task.sleep(for: delay) }.value
    }
}
