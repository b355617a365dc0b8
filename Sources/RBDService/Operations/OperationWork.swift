// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What all kinds of operations share: how they get memory, and how their errors are told.
struct OperationWork: Sendable {
    /// The threads for calls that take as long as there is data. Short calls in between use them too: nobody waits for
    /// them, and they must not take the threads of requests.
    let threads: ThreadPurpose
    let claims: Claims
    /// Work that moves data through this process draws on it.
    let memory: MemoryBudget
    /// Purges an image that is in the trash.
    let purge: @Sendable (_ spec: ImageSpec, _ id: String) async throws -> Void

    /// What one copy or flatten takes in memory, in bytes, with what librados and librbd add to the data that is in
    /// flight.
    private static let dataBytes = 64 << 20
    private static let pause = Duration.milliseconds(200)

    /// Does the work.
    /// - Throws: `CephError`; `Problem`, where it is known what is in the way.
    func perform(_ kind: OperationKind, _ job: OperationJob) async throws {
        let task = try kind.task.init(job.record)
        guard kind.movesData else { return try await task.perform(job) }
        while true {
            if let share = memory.take(Self.dataBytes, for: Caller.current) {
                defer { withExtendedLifetime(share) {} }
                return try await task.perform(job)
            }
            try job.call.requireGoing(.copyImage, on: job.pool.resource(ofImage: job.image))
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Removes what is left of work that was given up.
    /// - Throws: `CephError`, `Problem`.
    func cleanUp(_ kind: OperationKind, _ job: OperationJob) async throws {
        try await kind.task.init(job.record).cleanUp(job)
    }

    /// The problem that is reported for an error that ends the work.
    func problem(_ error: CephError, _ kind: OperationKind, _ job: OperationJob) async -> Problem {
        var problem = Problem(error)
        switch error.code {
        case .imageBusy:
            if let blockers = try? await kind.task.init(job.record).blockers(job) {
                problem = blockers
                problem.errno = error.errno
            }
        case .poolFull: problem = await PoolFullness(job.pool).problem(error) ?? problem
        default: break
        }
        if job.record.operation.attempts > 1 || job.call.fraction > 0, let afterFailure = kind.task.afterFailure {
            problem.detail += "; \(afterFailure)"
        }
        return problem
    }

    /// Whether only replicas of this service have the image open or locked.
    func isHeldByReplicas(_ job: OperationJob) async -> Bool {
        guard let use = try? await job.pool.use(ofImageID: job.imageID),
            let replicas = try? await claims.replicas(in: job.pool.name, job.cluster)
        else { return false }
        let holders = Set(use.watchers.map(\.address) + use.locks.map(\.address))
        return !holders.isEmpty && holders.isSubset(of: replicas)
    }
}
