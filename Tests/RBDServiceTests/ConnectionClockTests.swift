// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import NIOTLS
import Testing

@testable import RBDService

/// The clock of a connection, with simulated time.
struct ConnectionClockTests {
    private static let limits = DoorLimits(
        idleTimeout: .seconds(75),
        headerTimeout: .seconds(10),
        bodyTimeout: .seconds(20),
        bodyBytes: 1000
    )

    private func makeChannel(
        isBehindTLS: Bool = false,
        isTooSlow: @escaping () -> Void = {}
    ) throws -> (EmbeddedChannel, ConnectionClock) {
        let clock = ConnectionClock(limits: Self.limits, isBehindTLS: isBehindTLS, isTooSlow: isTooSlow)
        let channel = EmbeddedChannel(handler: clock)
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/x")).wait()
        return (channel, clock)
    }

    @Test func idleConnectionsAreClosed() throws {
        let (channel, _) = try makeChannel()
        channel.embeddedEventLoop.advanceTime(by: .seconds(74))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test func aHandshakeHasNoMoreTimeThanAHead() throws {
        let (slow, _) = try makeChannel(isBehindTLS: true)
        slow.embeddedEventLoop.advanceTime(by: .seconds(9))
        #expect(slow.isActive)
        slow.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!slow.isActive)
        let (done, _) = try makeChannel(isBehindTLS: true)
        done.embeddedEventLoop.advanceTime(by: .seconds(9))
        done.pipeline.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: nil))
        done.embeddedEventLoop.advanceTime(by: .seconds(74))
        #expect(done.isActive)
        done.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!done.isActive)
    }

    @Test func theFirstByteOfAHeadStartsItsTime() throws {
        var slow = 0
        let (channel, clock) = try makeChannel { slow += 1 }
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        for _ in 0..<9 {
            try channel.writeInbound(ByteBuffer(string: "G"))
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        }
        #expect(slow == 0)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(slow == 1)
        // While the service answers, it waits for nothing from the client.
        clock.enter(.answering)
        channel.embeddedEventLoop.advanceTime(by: .seconds(600))
        #expect(channel.isActive)
        clock.enter(.idle)
        channel.embeddedEventLoop.advanceTime(by: .seconds(76))
        #expect(!channel.isActive)
    }

    @Test func aClientThatTakesNothingOfItsAnswerIsLetGo() throws {
        let (channel, clock) = try makeChannel()
        clock.enter(.answering)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(29))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test func aSlowReaderMayGoOnAsLongAsItReads() throws {
        let (channel, clock) = try makeChannel()
        clock.enter(.answering)
        channel.write(ByteBuffer(repeating: 0, count: 100), promise: nil)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.flush()
        channel.embeddedEventLoop.advanceTime(by: .seconds(31))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(31))
        #expect(!channel.isActive)
    }

    @Test func whatComesAfterTheLastAnswerIsThrownAwayUpToABound() throws {
        let (channel, clock) = try makeChannel()
        clock.enter(.lingering(bytes: 0))
        for _ in 0..<16 { try channel.writeInbound(ByteBuffer(repeating: 0, count: 64 << 10)) }
        #expect(channel.isActive)
        #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
        try channel.writeInbound(ByteBuffer(repeating: 0, count: 64 << 10))
        #expect(!channel.isActive)
    }
}
