// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Everything that decides what the controller does next about a volume.
struct VolumeSituation: Hashable, Sendable {
    var volume: WatchedVolume
    /// The claim that the volume is bound to; nil if there is none.
    var claim: WatchedClaim?
    /// Nil if the volume needs no image.
    var image: ImageFact?
    /// Who uses the image; nil if nobody has looked.
    var clients: [ImageClient]?
    /// The claim for which the image is adopted as another volume than this one; nil if there is none.
    var adopter: String?
    /// The names of other volumes that may have the same image; nil as long as it is not certain that all are known.
    var others: [String]? = []
}

/// What is known of a volume's image.
enum ImageFact: Hashable, Sendable {
    case there(id: String, sizeBytes: UInt64)
    case missing(Absence)
    /// Its removal has begun, and can't be undone.
    case beingRemoved

    enum Absence: Hashable, Sendable {
        /// Nothing says that the volume ever had an image.
        case neverSeen
        /// The volume's image was moved to the trash by somebody else.
        case inTrash(id: String)
        /// The volume had an image, and it is not even in the trash.
        case lost
    }
}

/// A client that has an image open, or has a lock on it.
struct ImageClient: Hashable, Sendable {
    /// Ceph's name of the client, such as `client.4123`.
    var name: String
    /// The IP address, the port and a number, as Ceph writes them.
    var address: String

    /// The IP address alone.
    var host: String {
        var text = address[...]
        for prefix in ["v1:", "v2:", "any:"] where text.hasPrefix(prefix) { text = text.dropFirst(prefix.count) }
        if let slash = text.lastIndex(of: "/") { text = text[..<slash] }
        if let colon = text.lastIndex(of: ":") { text = text[..<colon] }
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        return String(text)
    }
}

/// What the controller does next about a volume.
enum VolumeStep: Hashable, Sendable {
    case nothing
    /// Create the missing image, as the webhook does.
    case createImage
    /// Write down which image the volume has.
    case remember(imageID: String)
    /// Add the finalizer, with the id of the image that it is for.
    case hold(imageID: String)
    /// Remove the finalizer.
    case release
    /// Say in the claim's status that the volume grows.
    case beginGrowth
    case growImage
    /// Say in the claim's status that the node is to grow the file system.
    case leaveToNode
    /// Say in the claim's status that the claim has all of the volume.
    case finishGrowth
    /// Delete the volume, whose claim is gone, as its reclaim policy says.
    case deleteVolume
    case moveToTrash(imageID: String)
    case wait(VolumeWait)
    case report(VolumeOddity)

    /// Whether the step changes something. The objects are read again before that.
    var isChange: Bool {
        switch self {
        case .nothing, .wait, .report: false
        default: true
        }
    }
}

/// What keeps an image from the trash.
enum VolumeWait: Hashable, Sendable {
    case clients([ImageClient])
    /// The watch has not yet told what was read, so it may not have told of other volumes either.
    case watch
    /// Other volumes that have the same image.
    case others([String])
    /// The image is adopted, as the volume of a claim.
    case adoption(claim: String)
}

/// What a user should know, and the controller does not change by itself.
enum VolumeOddity: Hashable, Sendable {
    case invalid(VolumeProblem)
    case imageInTrash(id: String)
    case imageLost
    case imageBeingRemoved
    /// The name leads to another image than the one that the volume had.
    case imageReplaced(expected: String, found: String)
    case unknownReclaim(String)
    /// The claim asks for more than the volume has. Only the volume's capacity makes a static volume grow.
    case claimAsksMore(bytes: UInt64)
}

/// Why a volume can't be looked after.
struct VolumeProblem: Hashable, Sendable {
    var detail: String
    var hint: String?
}
