// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Kubernetes
import Naming
import RBDAPI

/// What an Event says about a volume or a claim.
struct VolumeReport: Hashable, Sendable {
    var severity: KubernetesEvent.Severity
    /// One word, as Events have it.
    var reason: String
    /// In words that a user of Kubernetes can act on.
    var message: String

    static func normal(_ reason: String, _ message: String) -> VolumeReport {
        VolumeReport(severity: .normal, reason: reason, message: message)
    }

    static func warning(_ reason: String, _ message: String) -> VolumeReport {
        VolumeReport(severity: .warning, reason: reason, message: message)
    }
}

/// The words of the controller's Events.
enum VolumeWords {
    // MARK: Changes

    static func created(_ demand: VolumeDemand) -> VolumeReport {
        .normal("ImageCreated", "image \(spec(demand)) was missing, and was created with \(demand.sizeBytes) bytes")
    }

    static func growing(to capacity: String) -> VolumeReport {
        .normal("Resizing", "the image of the volume grows to \(capacity)")
    }

    static func grown(_ demand: VolumeDemand) -> VolumeReport {
        .normal("ImageResized", "image \(spec(demand)) has grown to \(demand.sizeBytes) bytes")
    }

    static let leftToNode = VolumeReport.normal(
        "FileSystemResizeRequired",
        "the image has grown; the node grows the file system as soon as a pod uses the volume"
    )

    static func finished(at capacity: String) -> VolumeReport {
        .normal("VolumeResizeSuccessful", "the volume has \(capacity)")
    }

    static func trashed(_ demand: VolumeDemand, _ entry: RBDAPI.TrashedImage?) -> VolumeReport {
        guard let entry else { return .normal("ImageTrashed", "image \(spec(demand)) is gone") }
        let place = demand.place.image(entry.id)
        return .normal(
            "ImageTrashed",
            "image \(spec(demand)) is in the trash until \(entry.keptUntil); rbdctl trash restore \(place) gives it back"
        )
    }

    /// The volume must not lose an image in silence.
    static func replaced(_ demand: VolumeDemand, _ former: String, by id: String) -> VolumeReport {
        .warning(
            "ImageReplaced",
            "image \(spec(demand)) is another one (\(id)) than the one that the volume had (\(former)); the volume uses it "
                + "from now on"
        )
    }

    // MARK: Failures

    static func failed(_ step: VolumeStep, _ demand: VolumeDemand, _ problem: Problem) -> VolumeReport {
        let (reason, failure): (String, String) =
            switch step {
            case .createImage: ("ImageNotCreated", "image \(spec(demand)) can't be created")
            case .growImage: ("VolumeResizeFailed", "image \(spec(demand)) can't grow to \(demand.sizeBytes) bytes")
            case .moveToTrash: ("ImageNotTrashed", "image \(spec(demand)) can't go to the trash yet")
            default: ("ImageUnreadable", "image \(spec(demand)) can't be read")
            }
        // It was adopted a moment ago. So the Event is the one of those that were adopted before.
        let isAdopted = problem.kind == .imageAdopted
        let words = sentence("\(failure): \(problem.detail)", problem.hint) + "; it is tried again"
        return .warning(isAdopted ? "ImageAdopted" : reason, words)
    }

    // MARK: Waits

    /// - Parameter place: where the clients are, such as " (node worker-1, pod default/web-0)"; empty if nobody knows.
    static func inUse(_ demand: VolumeDemand, _ clients: [ImageClient], place: String) -> VolumeReport {
        let names = clients.prefix(4).map { "\($0.name) at \($0.host)" }.joined(separator: ", ")
        let more = clients.count > 4 ? " and \(clients.count - 4) more" : ""
        let verb = clients.count == 1 ? "uses" : "use"
        return .warning(
            "ImageInUse",
            "image \(spec(demand)) can't go to the trash: \(names)\(more)\(place) \(verb) it; the volume is deleted when "
                + "that has ended"
        )
    }

    static func shared(_ demand: VolumeDemand, with others: [String]) -> VolumeReport {
        let names = others.prefix(4).joined(separator: ", ")
        return .warning(
            "ImageShared",
            "image \(spec(demand)) does not go to the trash, because it may also be the image of \(names); delete them "
                + "first, or set the annotation \(WatchedVolume.reclaimAnnotation) to retain"
        )
    }

    static func adopted(_ demand: VolumeDemand, for claim: String) -> VolumeReport {
        .warning(
            "ImageAdopted",
            "image \(spec(demand)) does not go to the trash, because it is adopted as the volume of the claim \(claim); "
                + "release it first: rbdctl kubernetes release \(spec(demand)); or set the annotation "
                + "\(WatchedVolume.reclaimAnnotation) to retain"
        )
    }

    // MARK: Oddities

    static func odd(_ oddity: VolumeOddity, _ volume: WatchedVolume) -> VolumeReport {
        let image = volume.demand.map { "image \(spec($0))" } ?? "the image"
        switch oddity {
        case .invalid(let problem):
            let way =
                volume.isBeingDeleted
                ? "; to delete the volume and keep the image, set the annotation \(WatchedVolume.reclaimAnnotation) to retain"
                : ""
            return .warning("VolumeNotSupported", sentence(problem.detail, problem.hint) + way)
        case .imageInTrash(let id):
            let place = volume.demand.map { "\($0.place.image(id))" } ?? id
            return .warning(
                "ImageInTrash",
                "\(image) is in the trash, so no other one is created; rbdctl trash restore \(place) gives it back"
            )
        case .imageLost:
            return .warning(
                "ImageLost",
                "\(image) is gone, and not in the trash; an empty one in its place would hide that, so none is created; if "
                    + "that is what you want, create it: rbdctl kubernetes prehook"
            )
        case .imageBeingRemoved: return .warning("ImageLost", "\(image) is being removed, and can't be restored")
        case .imageReplaced(let expected, let found):
            return .warning(
                "ImageReplaced",
                "\(image) is another one (\(found)) than the one that the volume had (\(expected)), so it is not moved to "
                    + "the trash; if it is the right one, remove the annotation \(WatchedVolume.imageAnnotation)"
            )
        case .unknownReclaim(let text):
            return .warning(
                "VolumeNotSupported",
                "the annotation \(WatchedVolume.reclaimAnnotation) is \"\(text.prefix(40))\"; write trash or retain"
            )
        case .claimAsksMore(let bytes):
            return .warning(
                "VolumeNotResized",
                "the claim asks for \(bytes) bytes, but a static volume grows by its own capacity: kubectl patch pv "
                    + "\(volume.name) --type merge -p '{\"spec\":{\"capacity\":{\"storage\":\"\(bytes)\"}}}'"
            )
        }
    }

    private static func spec(_ demand: VolumeDemand) -> String { "\(demand.place.image(demand.image))" }

    private static func sentence(_ detail: String, _ hint: String?) -> String {
        hint.map { "\(detail); \($0)" } ?? detail
    }
}
