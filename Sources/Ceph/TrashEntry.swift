// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials

/// An image in its pool's trash.
public struct TrashEntry: Hashable, Sendable {
    /// Who or what moved it there (`rbd_trash_image_source_t`).
    public enum Source: Hashable, Sendable {
        case user, mirroring, migration, removing, userParent
        /// One that this release does not know.
        case other(UInt8)
    }

    /// The image's id: it is how an image in the trash is reached, since many may have had one name.
    public var id: String
    /// The name that it had.
    public var name: String
    public var source: Source
    public var deletedAt: Date
    /// Until then it is kept from being removed.
    public var deferredUntil: Date
    /// Its removal has begun: it can't be restored any more.
    public var isBeingRemoved: Bool
    /// Tells one stay of an image in the trash from another.
    public var stay: String
}

extension TrashEntry.Source {
    /// As `rbd trash ls` says it, in lower case.
    public var name: String {
        switch self {
        case .user: "user"
        case .mirroring: "mirroring"
        case .migration: "migration"
        case .removing: "removing"
        case .userParent: "user-parent"
        case .other(let number): "unknown-\(number)"
        }
    }

    init(rawValue: UInt8) {
        self =
            switch rawValue {
            case 0: .user
            case 1: .mirroring
            case 2: .migration
            case 3: .removing
            case 4: .userParent
            default: .other(rawValue)
            }
    }
}

extension TrashEntry {
    /// `TRASH_IMAGE_STATE_REMOVING`
    private static let removing: UInt8 = 2

    /// - Parameter reader: stands before the entry's frame (`cls::rbd::TrashImageSpec`): source, name, time of the move,
    ///   end of the deferment, state.
    /// - Returns: nil where it can't be read.
    init?(id: String, _ reader: WireReader) {
        var reader = reader
        guard reader.enterFrame() != nil, let source = reader.integer(UInt8.self), let name = reader.string(),
            let deleted = reader.time(), let deferred = reader.time()
        else { return nil }
        // Releases before Luminous wrote no state.
        let state = reader.integer(UInt8.self) ?? 0
        self.init(
            id: id,
            name: name,
            source: Source(rawValue: source),
            deletedAt: deleted.date,
            deferredUntil: deferred.date,
            isBeingRemoved: source == 3 || state == Self.removing,
            stay: "\(deleted.seconds).\(deleted.nanoseconds)"
        )
    }
}

extension WireReader {
    fileprivate struct Time {
        var seconds: UInt32
        var nanoseconds: UInt32

        var date: Date { Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9) }
    }

    /// `utime_t`
    fileprivate mutating func time() -> Time? {
        guard let seconds = integer(UInt32.self), let nanoseconds = integer(UInt32.self) else { return nil }
        return Time(seconds: seconds, nanoseconds: nanoseconds)
    }
}
