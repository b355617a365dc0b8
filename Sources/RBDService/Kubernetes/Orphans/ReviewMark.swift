// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming

/// What a review of a new volume writes down about the image that it makes, until it is known that the volume was
/// stored.
///
/// It is stored beside the pool's records of operations and not in the image's metadata: clones and copies take over
/// metadata, and images keep it when they are renamed, or restored from the trash. None of those is ever taken for an
/// image that a review has made.
struct ReviewMark: Codable, Hashable, Sendable {
    /// The image as the review has made it.
    struct Made: Codable, Hashable, Sendable {
        var id: String
        /// If they are still the same, nobody has renamed, restored or changed the image.
        var versions: ImageVersions
    }

    /// The image's name.
    var image: String
    /// The name and the uid of the volume.
    var volume: String
    var volumeUID: String
    /// The uid of the review that was last about the image. So every review changes the mark.
    var review: String
    /// The uid of the Lease of the controllers that look for the volume: no other Lease has it, in whatever cluster.
    /// Nil if the replica did not know it yet.
    var lease: String?
    var sizeBytes: UInt64
    /// Nil until the image is made. If the replica dies before that is written, it is not known who has made the image.
    var made: Made?
    /// Whether the image is about to go to the trash. No review may take the image for one that stays.
    var isLeaving = false
}

/// A mark as it is stored.
struct StoredMark: Hashable, Sendable {
    var place: Place
    var key: String
    var bytes: [UInt8]
    /// Nil if a newer release has written it.
    var mark: ReviewMark?
}

/// The marks of a pool.
struct ReviewMarks: Sendable {
    private let place: Place
    private let records: Records
    private static let prefix = "reviewed."

    init(_ pool: Ceph.Pool) {
        place = pool.place
        records = Records(of: pool)
    }

    /// Names of namespaces have no slash.
    private func key(_ image: String) -> String { "\(Self.prefix)\(place.namespace)/\(image)" }

    /// The mark of the image with a name in the pool's namespace.
    func mark(ofImage name: String) async throws -> StoredMark? {
        let key = key(name)
        return try await records.value(key).map { Self.read(key, $0, in: place) }
    }

    /// The marks of all namespaces of the pool.
    func all() async throws -> [StoredMark] {
        try await records.values(prefix: Self.prefix).compactMap { key, bytes in
            let rest = key.dropFirst(Self.prefix.count)
            guard let slash = rest.firstIndex(of: "/") else { return nil }
            return Self.read(key, bytes, in: Place(pool: place.pool, namespace: String(rest[..<slash])))
        }
    }

    /// - Parameter old: what is replaced; nil if there must be none.
    /// - Returns: nil if another replica has changed the mark meanwhile. Then nothing was changed.
    func save(_ mark: ReviewMark, replacing old: StoredMark?) async throws -> StoredMark? {
        let key = key(mark.image)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let bytes = Array(try encoder.encode(mark))
        var change = Records.Change()
        if let old { change.require(key, equals: old.bytes) } else { change.require(absent: key) }
        change.set(key, to: bytes)
        guard try await records.apply(change) else { return nil }
        return StoredMark(place: place, key: key, bytes: bytes, mark: mark)
    }

    /// - Returns: false if another replica has changed the mark meanwhile. Then nothing was changed.
    func remove(_ stored: StoredMark) async throws -> Bool {
        try await records.apply(Self.removal([stored][...]))
    }

    /// Removes those that nobody has changed meanwhile.
    func remove(all marks: [StoredMark]) async throws {
        var rest = marks[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.batch)
            rest = rest.dropFirst(Self.batch)
            if try await records.apply(Self.removal(batch)) { continue }
            for mark in batch { _ = try await remove(mark) }
        }
    }

    private static let batch = 100

    private static func removal(_ marks: ArraySlice<StoredMark>) -> Records.Change {
        var change = Records.Change()
        for mark in marks {
            change.require(mark.key, equals: mark.bytes)
            change.remove(mark.key)
        }
        return change
    }

    private static func read(_ key: String, _ bytes: [UInt8], in place: Place) -> StoredMark {
        let mark = try? JSONDecoder().decode(ReviewMark.self, from: Data(bytes))
        return StoredMark(place: place, key: key, bytes: bytes, mark: mark)
    }
}
