// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// The turns of one event loop: between two turns it checks all of its sockets.
///
/// An event loop runs all queued tasks, and the tasks that they queue, before it checks its sockets again. Tasks that
/// never wait would prevent that check for ever. So tasks for the next turn wait here for a byte in a pipe, which the
/// loop finds when it checks its sockets.
///
/// All of this runs on the event loop.
final class LoopTurns: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private var waiting: [() -> Void] = []
    /// The write end of the pipe; nil until it is needed, or if no descriptors are left.
    private var bell: CInt?
    private var isRung = false
    /// Whether the loop can't read the pipe.
    private var isMute = false

    private init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    private static let all = Mutex<[ObjectIdentifier: LoopTurns]>([:])

    /// The turns of a loop.
    static func of(_ eventLoop: any EventLoop) -> LoopTurns {
        all.withLock { all in
            let id = ObjectIdentifier(eventLoop)
            if let turns = all[id] { return turns }
            let turns = LoopTurns(eventLoop)
            all[id] = turns
            return turns
        }
    }

    /// Runs something after the loop has checked its sockets.
    func next(_ body: @escaping () -> Void) {
        waiting.append(body)
        guard !isRung else { return }
        isRung = true
        if bell == nil, !isMute { bell = makeBell() }
        var byte: UInt8 = 0
        // The pipe can't be full: it holds one byte at most.
        if let bell, !isMute, write(bell, &byte, 1) == 1 { return }
        // A short delay is better than never running it.
        eventLoop.assumeIsolated().scheduleTask(in: .microseconds(100)) { self.begin() }
    }

    fileprivate func begin() {
        isRung = false
        let bodies = waiting
        waiting = []
        for body in bodies { body() }
    }

    private func makeBell() -> CInt? {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        let (reading, writing) = (ends[0], ends[1])
        let made = NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(BellHandler(self))
                }
            }
            .takingOwnershipOfDescriptor(input: reading)
        made.whenFailure { _ in
            self.isMute = true
            close(reading)
            close(writing)
            // The pipe no longer wakes the loop: run the waiting tasks now.
            self.begin()
        }
        return writing
    }
}

/// Reads the byte from the pipe.
private final class BellHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let turns: LoopTurns

    init(_ turns: LoopTurns) {
        self.turns = turns
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        turns.begin()
    }
}
