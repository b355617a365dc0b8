// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension IOContext {
    /// The number of reads in flight.
    private static let window = 128
    /// What a search needs to know of an entry, for both kinds. Sorted by bytes.
    private static let searchedKeys: [StaticString] = [
        "csi.imageid", "csi.imagename", "csi.snapname", "csi.source", "csi.volname",
    ]

    /// Reads entries of ceph-csi's journal, as far as a search needs them. Entries that are gone are left out.
    /// - C function: rados_aio_read_op_operate, rados_read_op_omap_get_vals_by_keys2
    func journalEntries(
        _ kind: JournalKind,
        _ uuids: [String],
        on resource: CephError.Resource
    ) throws(CephError) -> [(uuid: String, entry: JournalEntry)] {
        var found: [(uuid: String, entry: JournalEntry)] = []
        var start = 0
        while start < uuids.count {
            let batch = uuids[start..<min(start + Self.window, uuids.count)]
            var reads: [(uuid: String, read: CompoundRead)] = []
            for uuid in batch {
                let read = CompoundRead()
                read.readValues(Self.searchedKeys)
                read.submit(to: kind.object(of: uuid), in: self)
                reads.append((uuid, read))
            }
            for (uuid, read) in reads {
                guard try read.isFound(.readRecord, on: resource) else { continue }
                var values: [String: [UInt8]] = [:]
                read.forEachValue { index, value in values["\(Self.searchedKeys[index])"] = Array(value.all) }
                found.append((uuid, JournalEntry(kind, uuid: uuid, values)))
            }
            start += batch.count
        }
        return found
    }
}
