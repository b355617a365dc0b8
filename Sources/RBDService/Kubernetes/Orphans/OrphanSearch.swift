// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Kubernetes
import Logging
import Naming
import RBDAPI
import Synchronization

/// Looks for images that reviews have made for volumes that were then never stored. A leader does it during its term.
final class OrphanSearch: Sendable {
    private struct Report: Hashable, Sendable {
        var doubts: [OrphanDoubt]
        var volume: String
    }

    /// How long an API server works on a request, by default: `--request-timeout`.
    private static let requestLimit = Duration.seconds(60)

    private let client: KubernetesClient
    private let volumes: Reflector<StoredVolume>
    private let index: VolumeIndex
    private let gone: WatchedUIDs
    private let images: VolumeImages
    private let policy: OrphanPolicy
    private let metrics: ControllerMetrics
    private let timeLimit: Duration
    private let logger: Logger
    private let leaseUID: @Sendable () -> String?
    private let requireLeadership: @Sendable () throws -> Void
    /// What the last search has found.
    private let reports = Mutex<[ImageSpec: Report]>([:])

    init(
        _ client: KubernetesClient,
        volumes: Reflector<StoredVolume>,
        index: VolumeIndex,
        gone: WatchedUIDs,
        images: VolumeImages,
        policy: OrphanPolicy,
        metrics: ControllerMetrics,
        timeLimit: Duration,
        logger: Logger,
        leaseUID: @escaping @Sendable () -> String?,
        requireLeadership: @escaping @Sendable () throws -> Void
    ) {
        (self.client, self.volumes, self.index, self.gone, self.images) = (client, volumes, index, gone, images)
        (self.policy, self.metrics, self.timeLimit, self.logger) = (policy, metrics, timeLimit, logger)
        (self.leaseUID, self.requireLeadership) = (leaseUID, requireLeadership)
    }

    /// Searches again and again, until the task is cancelled. All volumes must be known by now.
    func run() async {
        var sightings = MarkSightings()
        var lists: UInt64?
        while !Task.isCancelled {
            // A volume that came and went between a watch and the list after it was not told of.
            let listCount = volumes.statistics.lists
            if lists != listCount { sightings.noteGap() }
            lists = listCount
            await search(&sightings, listCount)
            // Replicas of several clusters do not begin at the same moment.
            let pause = policy.interval * Double.random(in: 0.9...1.1)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
        }
    }

    // MARK: Searching

    /// - Parameter listCount: how often the volumes were listed before.
    private func search(_ sightings: inout MarkSightings, _ listCount: UInt64) async {
        var marks: [StoredMark] = []
        var isComplete = true
        do {
            for pool in try await images.pools() {
                do {
                    let found = try await limited { try await self.images.marks(in: pool) }
                    sightings.note(found, of: pool, at: .now)
                    marks += found
                } catch {
                    isComplete = false
                    failed("the marks of images can't be read", Place(pool: pool), error)
                }
            }
        } catch {
            return
        }
        // After the marks: a mark is written before its volume is stored.
        let deleted = gone.take()
        if !isComplete { gone.giveBack(deleted) }
        let hasGap = !deleted.isComplete || volumes.statistics.lists != listCount
        if hasGap { sightings.noteGap() }
        var uids = Set(volumes.store.all.map(\.metadata.uid))
        uids.formUnion(deleted.uids)

        var forgotten: [StoredMark] = []
        var found: [ImageSpec: Report] = [:]
        for stored in marks {
            if Task.isCancelled { return }
            // A newer release has written the others. It looks for their volumes when it is the leader.
            guard let mark = stored.mark else { continue }
            let situation = OrphanSituation(
                mark: mark,
                lease: leaseUID(),
                hasVolume: uids.contains(mark.volumeUID) || isNamed(stored.place.image(mark.image)),
                // The gap was not known when the marks were read.
                isOlderThanWatch: sightings.isOld(stored) || hasGap,
                isDue: isDue(sightings.age(of: stored, at: .now))
            )
            do {
                let finding = try await limited { try await self.look(at: stored, situation) }
                switch finding {
                case .notOrphaned: forgotten.append(stored)
                case .doubtful(let doubts): found[stored.place.image(mark.image)] = report(doubts, mark, stored.place)
                case .unused:
                    if try await !limited({ try await self.move(stored, situation) }) {
                        found[stored.place.image(mark.image)] = report([], mark, stored.place)
                    }
                case nil: break
                }
            } catch {
                if Task.isCancelled { return }
                let spec = stored.place.image(mark.image)
                found[spec] = reports.withLock { $0[spec] }
                failed("an image without a volume can't be looked at", stored.place, error, mark)
            }
        }
        for (pool, marks) in Dictionary(grouping: forgotten, by: \.place.pool) {
            do {
                try requireLeadership()
                try await limited { try await self.images.forget(marks, in: pool) }
            } catch {
                if Task.isCancelled { return }
                failed("the marks of images can't be removed", Place(pool: pool), error)
            }
        }
        let current = found
        reports.withLock { $0 = current }
    }

    /// Whether the volume must have been stored by now, if it is stored at all, and the watch must have told of it. The
    /// API server tells everything in its order, so what it tells last proves that it has told everything before.
    /// - Parameter age: how long the mark has not changed.
    private func isDue(_ age: Duration) -> Bool {
        guard age >= policy.age, let silence = volumes.ageOfLastContact else { return false }
        return silence + Self.requestLimit <= age
    }

    /// - Returns: nil if it is too early to say.
    private func look(at stored: StoredMark, _ situation: OrphanSituation) async throws -> OrphanFinding? {
        switch OrphanPlanner.next(situation) {
        case .forget: return .notOrphaned
        case .wait: return nil
        case .takeBack:
            try requireLeadership()
            try await images.takeBack(stored)
            return nil
        case .look:
            return OrphanPlanner.finding(situation, try await images.fact(of: situation.mark, in: stored.place))
        }
    }

    private func limited<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await Deadline.$current.withValue(.now + timeLimit) { try await body() }
    }

    /// Whether a volume that is known may have the image.
    private func isNamed(_ image: ImageSpec) -> Bool { !index.volumes(of: image, except: "").isEmpty }

    // MARK: Moving

    /// - Returns: whether the image is in the trash now.
    private func move(_ stored: StoredMark, _ situation: OrphanSituation) async throws -> Bool {
        guard policy.handling == .trash else { return false }
        try requireLeadership()
        let mark = situation.mark
        let entry: RBDAPI.TrashedImage?
        do {
            entry = try await images.moveToTrash(stored, situation, olderThan: policy.age) {
                try await self.requireNoVolume(mark, stored.place.image(mark.image))
                try self.requireLeadership()
            }
        } catch let error as CephError where error.code == .imageChanged {
            // The next search looks again.
            return false
        }
        metrics.count(.orphanTrashed)
        logger.notice(
            "an image was made for a volume that does not exist, and is in the trash",
            metadata: metadata(mark, stored.place, [LogKeys.trashID: "\(entry?.id ?? "")"])
        )
        return true
    }

    /// Asks the API server itself, which answers with what is stored at this moment.
    /// - Throws: `KubernetesError` with `Conflict` if there is a volume for the image, or may be.
    private func requireNoVolume(_ mark: ReviewMark, _ image: ImageSpec) async throws {
        let limit = VolumeWorker.lastLookLimit
        let current = VolumeIndex(rules: images.rules)
        var uids: Set<String> = []
        do {
            let volume: StoredVolume = try await client.get(named: mark.volume, timeLimit: limit)
            uids.insert(volume.metadata.uid)
            current.note(.added(WatchedVolume.kept(volume)))
        } catch KubernetesError.Reason.notFound {
            // As expected. Another volume may have the image, though.
        }
        let all = try await client.list(StoredVolume.self, timeLimit: limit, keeping: WatchedVolume.kept)
        for volume in all.items {
            uids.insert(volume.metadata.uid)
            current.note(.added(volume))
        }
        guard !uids.contains(mark.volumeUID), current.volumes(of: image, except: "").isEmpty else {
            throw KubernetesError(.conflict, message: "there is a volume for the image now")
        }
    }

    // MARK: Reporting

    /// Logs it once, until something about it changes.
    private func report(_ doubts: [OrphanDoubt], _ mark: ReviewMark, _ place: Place) -> Report {
        let report = Report(doubts: doubts, volume: mark.volume)
        guard reports.withLock({ $0[place.image(mark.image)] }) != report else { return report }
        let against = doubts.map(\.rawValue).joined(separator: "; ")
        logger.warning(
            "an image was made for a volume that does not exist",
            metadata: metadata(mark, place, [LogKeys.doubts: "\(against)"])
        )
        return report
    }

    private func failed(_ message: Logger.Message, _ place: Place, _ error: any Error, _ mark: ReviewMark? = nil) {
        var metadata = mark.map { self.metadata($0, place) } ?? [LogKeys.pool: "\(place.pool)"]
        metadata[LogKeys.error] = "\(error)"
        logger.warning(message, metadata: metadata)
    }

    private func metadata(_ mark: ReviewMark, _ place: Place, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            LogKeys.pool: "\(place.pool)", LogKeys.image: "\(mark.image)", LogKeys.volume: "\(mark.volume)",
        ]
        if !place.namespace.isEmpty { metadata[LogKeys.namespace] = "\(place.namespace)" }
        return metadata.merging(more) { $1 }
    }

    var samples: [MetricSample] {
        let reports = reports.withLock { Array($0.values) }
        let unused = reports.count { $0.doubts.isEmpty }
        return [
            MetricSample(.orphanedImages, labels: ["unused"], Double(unused)),
            MetricSample(.orphanedImages, labels: ["doubtful"], Double(reports.count - unused)),
        ]
    }
}
