// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CRBD
import Dispatch
import Logging
import Naming
import RBDAPI
import TestSupport
import Testing

@testable import Ceph
@testable import RBDService

/// No request can blocklist the service's own client.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct OwnClientTests {
    /// Runs the body while the pool's own connection has the image open and holds locks on it.
    private func holding(
        _ image: String,
        of pool: Ceph.Pool,
        cookies: [String],
        _ body: () async throws -> Void
    ) async throws {
        let (isHeld, continuation) = AsyncStream.makeStream(of: Void.self)
        let end = DispatchSemaphore(value: 0)
        let holder = Task {
            try await pool.withContext(.readImage, on: pool.resource(ofImage: image)) { context throws(CephError) in
                let open = try OpenImage.named(image, in: context, to: .write)
                for cookie in cookies {
                    try check(rbd_lock_shared(open.pointer, cookie, "tag"), .changeImage, on: open.resource)
                }
                continuation.yield()
                end.wait()
                for cookie in cookies { rbd_unlock(open.pointer, cookie) }
            }
            continuation.finish()
        }
        for await _ in isHeld.prefix(1) {}
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        end.signal()
        try await holder.value
        try result.get()
    }

    @Test func theFacadeDoesNotShutItselfOut() async throws {
        try await TestCluster.withPool { name, _ in
            let cluster = try await Cluster.connect(try await TestCluster.configuration)
            let pool = cluster.pool(name)
            _ = try await pool.createImage(named: "vol-1", sizeBytes: 1 << 20)
            try await holding("vol-1", of: pool, cookies: ["mine"]) {
                let (watchers, locks) = (
                    try await pool.watchers(ofImage: "vol-1"), try await pool.locks(ofImage: "vol-1")
                )
                #expect(watchers.map(\.client) == [cluster.client])
                #expect(watchers.map(\.address) == [cluster.address])
                #expect(locks.map(\.client) == [cluster.client])
                #expect(locks.map(\.address) == [cluster.address])
                #expect(cluster.isOwn(client: cluster.client, address: ""))
                #expect(cluster.isOwn(client: "client.1", address: cluster.address))
                #expect(!cluster.isOwn(client: "client.1", address: "10.0.0.1:0/1"))
                var error = await #expect(throws: CephError.self) {
                    try await pool.evictClient(cluster.client, ofImage: "vol-1")
                }
                #expect(error?.code == .ownClient)
                error = await #expect(throws: CephError.self) {
                    try await pool.breakLock(ofImage: "vol-1", heldBy: cluster.client, cookie: "mine")
                }
                #expect(error?.code == .ownClient)
                error = await #expect(throws: CephError.self) {
                    try await pool.breakLock(ofImage: "vol-1", heldBy: cluster.client, cookie: "other")
                }
                #expect(error?.code == .lockNotFound)
                error = await #expect(throws: CephError.self) {
                    try await pool.evictClient("client.1", ofImage: "vol-1")
                }
                #expect(error?.code == .watcherNotFound)
            }
            // The client is still not blocklisted.
            try await pool.purge(try await pool.trashImage(named: "vol-1"))
            let shutOut = try await TestCluster.blocklist("ls")
            #expect(!shutOut.contains(cluster.address))
        }
    }

    /// Otherwise, librbd would continue a write although it could not update the object map in time. An object that is
    /// missing in the map stays forever when the image is removed.
    @Test func noWriteGoesOnWithoutItsObjectMap() async throws {
        let cluster = try await Cluster.connect(try await TestCluster.configuration)
        #expect(cluster.rados.option("rbd_invalidate_object_map_on_timeout") == "false")
    }

    /// librbd would blocklist the client even with a wrong cookie.
    @Test func aWrongCookieHarmsNobody() async throws {
        try await TestCluster.withPool { name, cluster in
            let pool = cluster.pool(name)
            let other = try await Cluster.connect(try await TestCluster.configuration)
            _ = try await pool.createImage(named: "vol-1", sizeBytes: 1 << 20)
            try await holding("vol-1", of: other.pool(name), cookies: ["theirs"]) {
                let error = await #expect(throws: CephError.self) {
                    try await pool.breakLock(ofImage: "vol-1", heldBy: other.client, cookie: "other")
                }
                let locks = try await pool.locks(ofImage: "vol-1")
                #expect(error?.code == .lockNotFound)
                #expect(locks.map(\.client) == [other.client])
            }
            let shutOut = try await TestCluster.blocklist("ls")
            #expect(!shutOut.contains(other.address))
        }
    }

    private func withService(
        _ body: (ImageClientService, ClusterConnection) async throws -> Void
    ) async throws {
        let connection = ClusterConnection(
            configuration: try await TestCluster.configuration,
            limits: .init(),
            interval: .seconds(5),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let running = Task { try await connection.run() }
        while (try? connection.cluster()) == nil { try await Task.sleep(for: .milliseconds(20)) }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let creations = PoolCreations(
            connection: connection,
            limits: OperationLimits(perPool: 1, lease: .seconds(6)),
            retention: .seconds(60),
            telemetry: OperationTelemetry(registry: PrometheusRegistry(), logger: logger),
            logger: logger
        )
        let store = OperationStore(connection: connection, retention: .seconds(60), creations: creations)
        let claims = Claims(
            connection: connection,
            lease: .seconds(6),
            logger: logger,
            isReady: { _ in true },
            settle: ImageSettlement(store: store).settle
        )
        let service = ImageClientService(
            images: ImageAccess(connection: connection, claims: claims, store: store),
            operations: store
        )
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(service, connection))
        } catch {
            result = .failure(error)
        }
        running.cancel()
        try? await running.value
        try result.get()
    }

    @Test(arguments: [true, false])
    func theServiceDoesNotShutItselfOut(isDryRun: Bool) async throws {
        try await TestCluster.withPool { name, _ in
            try await withService { service, connection in
                let cluster = try connection.cluster()
                let pool = cluster.pool(name)
                _ = try await pool.createImage(named: "vol-1", sizeBytes: 1 << 20)
                let image = ImageSpec(pool: name, image: "vol-1")
                try await holding("vol-1", of: pool, cookies: ["one", "two"]) {
                    let (watchers, locks) = (
                        try await service.watchers(of: image).items, try await service.locks(of: image).items
                    )
                    #expect(watchers.map(\.own) == [true])
                    #expect(locks.map(\.own) == [true, true])
                    let client = cluster.client
                    let confirmation = isDryRun ? nil : client
                    var error = await #expect(throws: CephError.self) {
                        _ = try await service.evict(client, from: image, confirmation: confirmation, isDryRun: isDryRun)
                    }
                    #expect(error?.code == .ownClient)
                    error = await #expect(throws: CephError.self) {
                        _ = try await service.breakLock(
                            of: image,
                            heldBy: client,
                            cookie: "two",
                            confirmation: confirmation,
                            isDryRun: isDryRun
                        )
                    }
                    #expect(error?.code == .ownClient)
                    let told = Problem(try #require(error))
                    #expect(told.code == "own-client")
                    #expect(told.field == "client")
                    #expect(told.hint?.contains("GET /v1/operations") == true)
                    // The request does not say which of the two locks it means.
                    let problem = await #expect(throws: Problem.self) {
                        _ = try await service.breakLock(
                            of: image,
                            heldBy: client,
                            cookie: nil,
                            confirmation: confirmation,
                            isDryRun: isDryRun
                        )
                    }
                    #expect(problem?.code == "invalid-parameter")
                    #expect(problem?.field == "cookie")
                    #expect(problem?.hint == "its locks are \"one\", \"two\"")
                }
                #expect(!cluster.isShutOut)
                try await pool.purge(try await pool.trashImage(named: "vol-1"))
            }
        }
    }
}
