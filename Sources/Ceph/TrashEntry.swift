// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An image in its pool's trash (`cls::rbd::TrashImageSpec`).
public struct TrashEntry: Hashable, Sendable {
    /// What moved the image there (`rbd_trash_image_source_t`). A newer release may have further sources.
    public struct Source: Hashable, Sendable {
        fileprivate let number: UInt8

        public static let user = Source(number: 0)
        public static let migration = Source(number: 2)
        public static let removing = Source(number: 3)

        private static let names = ["user", "mirroring", "migration", "removing", "user-parent"]

        /// As in `rbd trash ls`, in lower case.
        public var name: String {
            Int(number) < Self.names.count ? Self.names[Int(number)] : "unknown-\(number)"
        }
    }

    /// The state of the entry (`cls::rbd::TrashImageState`).
    public enum State: UInt8, Hashable, Sendable {
        /// The image is in the trash, and nowhere else.
        case normal = 0
        /// A move to the trash has begun: the image may still have its name.
        case moving = 1
        case removing = 2
        /// A restore has begun: the image may already have a name.
        case restoring = 3
    }

    /// The image's id, which identifies it in the trash, because several images may have had one name.
    public var id: String
    /// The name that the image had.
    public var rawName: RawName
    public var source: Source
    public var deletedAt: ClusterTime
    /// How long the image is kept from being removed.
    public var deferredUntil: ClusterTime
    /// Nil for a state that is not known here.
    public var state: State?

    public init(
        id: String,
        name: RawName,
        source: Source = .user,
        deletedAt: ClusterTime,
        deferredUntil: ClusterTime,
        state: State? = .normal
    ) {
        self.id = id
        rawName = name
        self.source = source
        self.deletedAt = deletedAt
        self.deferredUntil = deferredUntil
        self.state = state
    }

    /// The name that the image had, as a text.
    public var name: String { rawName.text }

    /// Its removal has begun: the image can't be restored any more.
    public var isBeingRemoved: Bool { source == .removing || state == .removing }

    /// Distinguishes one stay of an image in the trash from another.
    public var stay: String { deletedAt.text }
}

extension TrashEntry {
    /// - Parameter reader: positioned before the entry's frame: source, name, time of the move, end of the deferment,
    ///   state.
    /// - Returns: nil if it can't be read.
    init?(id: String, _ reader: WireReader) {
        var reader = reader
        guard reader.enterFrame() != nil, let source = reader.integer(UInt8.self), let name = reader.text(),
            let deletedAt = reader.time(), let deferredUntil = reader.time()
        else { return nil }
        // Releases before Luminous did not write a state.
        let state = reader.integer(UInt8.self) ?? State.normal.rawValue
        self.init(
            id: id,
            name: RawName(bytes: name),
            source: Source(number: source),
            deletedAt: deletedAt,
            deferredUntil: deferredUntil,
            state: State(rawValue: state)
        )
    }

    var wire: [UInt8] {
        WireWriter.frame(
            WireWriter.integer(source.number) + rawName.wire + deletedAt.wire + deferredUntil.wire
                + WireWriter.integer((state ?? .normal).rawValue)
        )
    }
}
