// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Kubernetes
import Logging
import Naming

/// The work of a leader, from its election until it loses the lease. Nothing of it outlasts the term, so that followers
/// need no memory, and a new leader believes nothing that it has not read itself.
final class ControllerTerm: Sendable {
    private let volumes: Reflector<StoredVolume>
    private let claims: Reflector<PersistentVolumeClaim>
    private let queue: WorkQueue<String>
    private let recorder: EventRecorder
    private let worker: VolumeWorker
    private let orphans: OrphanSearch
    private let images: VolumeImages
    private let connection: ClusterConnection
    private let timeLimit: Duration
    private let logger: Logger

    /// How many volumes are worked on at a time. Half of the threads for calls to the cluster stay free for requests.
    private static let workers = 8
    /// How often the images are read again, to find what was changed without Kubernetes.
    private static let interval = Duration.seconds(600)

    init(
        _ client: KubernetesClient,
        images: VolumeImages,
        connection: ClusterConnection,
        metrics: ControllerMetrics,
        host: String,
        orphanPolicy: OrphanPolicy,
        timeLimit: Duration,
        logger: Logger,
        leaseUID: @escaping @Sendable () -> String?,
        requireLeadership: @escaping @Sendable () throws -> Void
    ) {
        let gone = WatchedUIDs()
        let queue = WorkQueue<String>(named: "volumes", logger: logger)
        let index = VolumeIndex(rules: images.rules)
        let volumes = Reflector<StoredVolume>(client, logger: logger, keeping: WatchedVolume.kept) { change in
            if case .deleted(let volume) = change {
                images.forget(uid: volume.metadata.uid)
                gone.note(volume.metadata.uid)
            }
            for other in index.note(change) { queue.add(other) }
            queue.add(change.object.metadata.name)
        }
        let claims = Reflector<PersistentVolumeClaim>(client, logger: logger, keeping: WatchedClaim.kept) { change in
            if let volume = change.object.volumeName { queue.add(volume) }
        }
        let recorder = EventRecorder(
            client,
            component: "rbd-rest-api",
            host: host,
            logger: logger,
            onLoss: { metrics.count($0) }
        )
        worker = VolumeWorker(
            client: client,
            volumes: volumes.store,
            claims: claims.store,
            index: index,
            images: images,
            users: ImageUsers(client),
            recorder: recorder,
            metrics: metrics,
            requireLeadership: requireLeadership,
            timeLimit: timeLimit
        )
        orphans = OrphanSearch(
            client,
            volumes: volumes,
            index: index,
            gone: gone,
            images: images,
            policy: orphanPolicy,
            metrics: metrics,
            timeLimit: timeLimit,
            logger: logger,
            leaseUID: leaseUID,
            requireLeadership: requireLeadership
        )
        (self.volumes, self.claims, self.queue, self.recorder) = (volumes, claims, queue, recorder)
        (self.images, self.connection) = (images, connection)
        (self.timeLimit, self.logger) = (timeLimit, logger)
    }

    /// Works until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.volumes.run() }
            group.addTask { await self.claims.run() }
            group.addTask { await self.recorder.run() }
            group.addTask { await self.work() }
        }
    }

    private func work() async {
        do {
            try await volumes.waitUntilSynced()
            try await claims.waitUntilSynced()
            while (try? connection.cluster()) == nil { try await Task.sleep(for: .milliseconds(500)) }
        } catch {
            return
        }
        // Another leader may have changed the images since an earlier term.
        images.keepOnly([], Set(volumes.store.all.map(\.metadata.uid)))
        // Most volumes need nothing, and that is known without a call for each.
        await refresh()
        logger.info(
            "the controller knows all volumes",
            metadata: [LogKeys.count: .stringConvertible(volumes.store.count)]
        )
        await withDiscardingTaskGroup { group in
            group.addTask {
                await self.queue.run(workers: Self.workers) { try await self.worker.work(on: $0) }
            }
            group.addTask { await self.tend() }
            group.addTask { await self.orphans.run() }
        }
    }

    private func tend() async {
        while true {
            // Replicas of several clusters do not begin at the same moment.
            guard (try? await Task.sleep(for: Self.interval * Double.random(in: 0.9...1.1))) != nil else { return }
            await refresh()
        }
    }

    /// Reads the sizes of all images, and works on the volumes whose images differ from what was known.
    private func refresh() async {
        var images: [Place: [String: [ObjectMeta]]] = [:]
        var specs: Set<ImageSpec> = []
        let objects = volumes.store.all
        for object in objects {
            guard let demand = (try? worker.watched(object))?.demand else { continue }
            images[demand.place, default: [:]][demand.image, default: []].append(object.metadata)
            specs.insert(demand.place.image(demand.image))
        }
        self.images.keepOnly(specs, Set(objects.map(\.metadata.uid)))
        for (place, volumes) in images {
            do {
                let owners = volumes.mapValues { $0.map(\.uid) }
                for name in try await self.images.refresh(owners, in: place, batchLimit: timeLimit) {
                    for volume in volumes[name] ?? [] { queue.add(volume.name) }
                }
            } catch {
                if Task.isCancelled { return }
                // The images are then read one by one, when their volumes change.
                logger.warning(
                    "the images of volumes could not be read",
                    metadata: [LogKeys.pool: "\(place.pool)", LogKeys.error: "\(error)"]
                )
            }
        }
    }

    // MARK: Metrics

    var samples: [MetricSample] {
        let state = queue.metrics
        var samples = [
            MetricSample(.controllerQueueLength, labels: ["ready"], Double(state.ready)),
            MetricSample(.controllerQueueLength, labels: ["delayed"], Double(state.delayed)),
            MetricSample(.controllerQueueLength, labels: ["running"], Double(state.running)),
        ]
        let ages = [
            ("persistentvolumes", volumes.ageOfLastContact), ("persistentvolumeclaims", claims.ageOfLastContact),
        ]
        for case (let resource, let age?) in ages {
            samples.append(MetricSample(.controllerWatchAge, labels: [resource], age / .seconds(1)))
        }
        return samples + orphans.samples
    }
}
