// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Limits the number of connections of one address, so that it can't use up all connections. Connections to a Unix
/// socket are not limited.
final class AddressLimit: Sendable {
    private let most: Int
    private let counts = Mutex<[String: Int]>([:])

    init(_ most: Int) {
        self.most = most
    }

    /// Counts a connection until it is closed.
    /// - Returns: false if its address has reached the limit.
    func admit(_ channel: any Channel) -> Bool {
        guard let address = channel.remoteAddress?.ipAddress else { return true }
        let isAdmitted = counts.withLock { counts in
            let count = counts[address] ?? 0
            guard count < most else { return false }
            counts[address] = count + 1
            return true
        }
        guard isAdmitted else { return false }
        channel.closeFuture.whenComplete { _ in
            self.counts.withLock { counts in
                guard let count = counts[address] else { return }
                counts[address] = count > 1 ? count - 1 : nil
            }
        }
        return true
    }
}
