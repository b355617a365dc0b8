// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph
import Foundation

/// The output of `rbd info --format json` for an image: librbd's own view, to compare the service's with.
public struct RBDInfo: Decodable, Hashable, Sendable {
    public struct Parent: Decodable, Hashable, Sendable {
        var pool: String
        var poolNamespace: String
        var image: String
        var id: String
        var snapshot: String
        var overlap: UInt64
    }

    public var name: String
    var id: String
    public var size: UInt64
    var objects: UInt64
    var objectSize: UInt64
    var snapshotCount: Int
    var dataPool: String?
    var format: Int
    public var features: [String]?
    var opFeatures: [String]?
    public var flags: [String]?
    var group: String?
    var createTimestamp: String?
    var modifyTimestamp: String?
    var accessTimestamp: String?
    var parent: Parent?
    var stripeUnit: UInt64?
    var stripeCount: UInt64?

    /// - Parameter arguments: the image, in the arguments of `rbd info`.
    public static func read(_ arguments: String...) async throws -> RBDInfo {
        let text = try await TestCluster.run("rbd", ["info", "--format", "json"] + arguments)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(RBDInfo.self, from: Data(text.utf8))
    }

    /// What `rbd info` must show for the service's view to be right.
    public init(_ image: ImageInfo) {
        let isOld = image.id.isEmpty
        name = image.name
        id = image.id
        size = image.sizeBytes
        objects = image.objectCount
        objectSize = image.objectSizeBytes
        snapshotCount = image.snapshotCount
        dataPool = image.dataPool
        format = isOld ? 1 : 2
        features = isOld ? nil : image.features.names
        opFeatures = isOld ? nil : image.operationFeatures.names
        flags = isOld ? nil : image.flags.names
        group = image.group.map { group in
            group.namespace.isEmpty ? "\(group.pool)/\(group.name)" : "\(group.pool)/\(group.namespace)/\(group.name)"
        }
        createTimestamp = image.createdAt.map(Self.text)
        modifyTimestamp = image.modifiedAt.map(Self.text)
        accessTimestamp = image.accessedAt.map(Self.text)
        parent = image.parent.map { parent in
            Parent(
                pool: parent.pool,
                poolNamespace: parent.namespace,
                image: parent.image,
                id: parent.imageID,
                snapshot: parent.snapshot,
                overlap: parent.overlapBytes
            )
        }
        let isStriped = image.stripeCount != 1 || image.stripeUnitBytes != image.objectSizeBytes
        stripeUnit = isStriped ? image.stripeUnitBytes : nil
        stripeCount = isStriped ? image.stripeCount : nil
    }

    /// A time in the format of C's `ctime`.
    private static func text(_ exact: Date) -> String {
        // DateFormatter rounds to milliseconds: it would take the last half of a millisecond for the next second.
        let date = Date(timeIntervalSince1970: exact.timeIntervalSince1970.rounded(.down))
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        // Days below ten are padded with a blank.
        formatter.dateFormat = "EEE MMM"
        let day = Calendar(identifier: .gregorian).component(.day, from: date)
        let time = DateFormatter()
        time.locale = formatter.locale
        time.dateFormat = "HH:mm:ss yyyy"
        return "\(formatter.string(from: date)) \(day < 10 ? " " : "")\(day) \(time.string(from: date))"
    }
}
