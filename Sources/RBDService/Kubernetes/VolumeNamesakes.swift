// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming

extension VolumeRules {
    /// The other places that the settings name for images of volumes. If all pools are allowed, only the namespaces of
    /// the image's own pool count.
    func otherPlaces(than place: Place) -> [Place] {
        let namespaces = Set(clusters.map { Array($0.values) } ?? [""]).sorted()
        var places: [Place] = []
        for pool in (pools ?? [place.pool]).sorted() {
            places += namespaces.map { Place(pool: pool, namespace: $0) }
        }
        return places.filter { $0 != place }
    }
}

extension VolumeService {
    /// How long to look for other images. They are no reason to keep the volume waiting, or to refuse it.
    private static let patience = Duration.milliseconds(500)

    /// Warns if another image that a volume may use has the same name. The handle of a static volume is the image's
    /// name without its pool, so two such volumes have the same handle.
    func warnings(onNamesakesOf demand: VolumeDemand) async -> [String] {
        guard demand.isCSI else { return [] }
        let end = ContinuousClock.now + Self.patience
        let deadline = min(Deadline.current ?? end, end)
        var namesakes: [String] = []
        for place in rules.otherPlaces(than: demand.place) where ContinuousClock.now < deadline {
            let spec = place.image(demand.image)
            // A caller must not learn of images that it may not read.
            guard Access.current.may(.read, spec) else { continue }
            let exists = try? await Deadline.$current.withValue(deadline) {
                try await images.images.pool(place).hasImage(named: demand.image)
            }
            if exists == true { namesakes.append(spec.description) }
        }
        guard let first = namesakes.first else { return [] }
        let others = namesakes.count > 1 ? " (and of \(namesakes.count - 1) more)" : ""
        return [
            "\(demand.fields.image) is also the name of image \(first)\(others): if a volume of this driver uses it, "
                + "Kubernetes can't tell the two volumes apart; write another name, or correct the pool"
        ]
    }
}
