// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The journal of ceph-csi in a pool or a namespace: which images are volumes of Kubernetes, and which are snapshots of
/// such volumes. The errors are those of all calls of a ``Pool``.
///
/// The directory `csi.volumes.<instance>` has the UUID of each request, and the object `csi.volume.<uuid>` has the
/// request and the image. Here, both are in the image's pool. Changes have conditions that the OSD checks, because
/// ceph-csi knows nothing of the locks of other programs.
public struct VolumeJournal: Sendable {
    public let pool: Pool
    /// ceph-csi's `--instanceid`.
    public let instance: String

    /// The instance of a ceph-csi that is not told another one.
    public static let usualInstance = "default"

    public init(_ pool: Pool, instance: String = usualInstance) {
        (self.pool, self.instance) = (pool, instance)
    }

    private func directory(_ kind: JournalKind) -> Records {
        Records(pool: pool, object: kind.directory(of: instance))
    }

    private func object(_ kind: JournalKind, _ uuid: String) -> Records {
        Records(pool: pool, object: kind.object(of: uuid))
    }

    // MARK: Reading

    /// An entry as it was read.
    public struct Reading: Sendable {
        public var entry: JournalEntry
        /// Each change of the entry's object makes a new one.
        public var version: Records.Version
    }

    /// - Returns: nil if there is no such entry.
    /// - C function: rados_read_op_omap_get_vals2, rados_get_last_version
    public func entry(_ kind: JournalKind, uuid: String) async throws -> Reading? {
        let (version, values) = try await object(kind, uuid).versionAndValues(prefix: "")
        guard let version else { return nil }
        let omap = Dictionary(values.map { ($0.key, $0.value) }) { first, _ in first }
        return Reading(entry: JournalEntry(kind, uuid: uuid, omap), version: version)
    }

    /// What the directory of volumes has for a request, in its own form.
    /// - Returns: nil if it has nothing.
    /// - C function: rados_read_op_omap_get_vals_by_keys2
    public func value(ofRequest name: String) async throws -> String? {
        try await directory(.volumes).value(JournalKind.volumes.key(of: name))
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether there is a directory of volumes, even an empty one.
    /// - C function: rados_read_op_omap_get_vals2, rados_get_last_version
    public func hasDirectory() async throws -> Bool {
        // Only the version is of interest. No request has such a name.
        try await directory(.volumes).versionAndValues(prefix: JournalKind.volumes.key(of: " ")).version != nil
    }

    /// A page of the entries that the directory lists, with their UUIDs. Entries whose images are in other pools, and
    /// entries that are gone, are left out.
    /// - Parameter position: where the previous page ended; empty for the first page.
    /// - Returns: the entries, and the position for the next page; nil if this was the last one.
    /// - C function: rados_read_op_omap_get_vals2, rados_aio_read_op_operate
    public func page(
        _ kind: JournalKind,
        after position: String = ""
    ) async throws -> (entries: [(uuid: String, entry: JournalEntry)], next: String?) {
        let size = RecordObject.page
        let listed = try await directory(kind).values(prefix: kind.prefix, after: position, limit: size)
        let uuids = listed.compactMap { JournalReference($0.value) }.filter { $0.poolID == nil }.map(\.uuid)
        let resource = pool.resource
        let entries = try await pool.withContext(.readRecord, on: resource) { context throws(CephError) in
            try context.journalEntries(kind, uuids, on: resource)
        }
        return (entries, listed.count < size ? nil : listed.last?.key)
    }

    // MARK: Writing

    /// Writes the entry of a volume.
    /// - Returns: false if there is an entry with this UUID already. Then nothing was changed.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rados_write_op_operate, rados_write_op_create, rados_write_op_omap_set2
    public func create(_ entry: JournalEntry, uuid: String) async throws -> Bool {
        try await object(.volumes, uuid).create(with: entry.values(.volumes))
    }

    /// Removes the entry of a volume.
    /// - Returns: false if it has changed since it was read, or is gone. Then nothing was changed.
    /// - C function: rados_write_op_operate, rados_write_op_assert_version, rados_write_op_remove
    public func remove(_ reading: Reading, uuid: String) async throws -> Bool {
        try await object(.volumes, uuid).removeObject(ifUnchangedSince: reading.version)
    }

    /// How a request came into the directory.
    public enum Listing: Hashable, Sendable {
        /// The directory was created with it.
        case first
        case added
        /// It was there already, with this UUID.
        case present
        /// It is there, with something else.
        case taken
    }

    /// Adds a request to the directory of volumes.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rados_write_op_operate, rados_write_op_create, rados_write_op_omap_cmp2, rados_write_op_omap_set2
    public func list(_ request: String, uuid: String) async throws -> Listing {
        let (records, key) = (directory(.volumes), JournalKind.volumes.key(of: request))
        let value = JournalReference(uuid: uuid).value
        // A repetition that nobody else has changed, or a request that is taken: neither needs a write.
        if let current = try await records.value(key) { return current == value ? .present : .taken }
        if try await records.create(with: [key: value]) { return .first }
        var change = Records.Change()
        change.require(absent: key)
        change.set(key, to: value)
        if try await records.apply(change) { return .added }
        return try await records.value(key) == value ? .present : .taken
    }

    /// Removes a request from the directory of volumes, if the directory has this UUID for it.
    /// - Returns: false if the directory has something else for it, or nothing. Then nothing was changed.
    /// - C function: rados_write_op_operate, rados_write_op_omap_cmp2, rados_write_op_omap_rm_keys2
    public func unlist(_ request: String, uuid: String) async throws -> Bool {
        let key = JournalKind.volumes.key(of: request)
        var change = Records.Change()
        change.require(key, equals: JournalReference(uuid: uuid).value)
        change.remove(key)
        return try await directory(.volumes).apply(change)
    }

    /// Removes the directory of volumes if it lists nothing.
    /// - Returns: whether it was removed.
    /// - C function: rados_read_op_omap_get_vals2, rados_write_op_assert_version, rados_write_op_remove
    public func removeEmptyDirectory() async throws -> Bool {
        let (version, values) = try await directory(.volumes).versionAndValues(prefix: "")
        guard let version, values.isEmpty else { return false }
        return try await directory(.volumes).removeObject(ifUnchangedSince: version)
    }
}
