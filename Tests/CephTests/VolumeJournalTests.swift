// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ceph

private let uuid = "5a1e0b3c-6d2f-4c8e-9b7a-0f1e2d3c4b5a"

/// The forms of ceph-csi, byte by byte.
struct VolumeHandleTests {
    @Test(
        arguments: [
            ("c", 1, "0001-0001-c-0000000000000001-"),
            ("rook-ceph", 31, "0001-0009-rook-ceph-000000000000001f-"),
            (
                "ba68226a-672f-4ba5-97bc-22840318b2ec", 4_294_967_296,
                "0001-0024-ba68226a-672f-4ba5-97bc-22840318b2ec-0000000100000000-"
            ),
            // The length counts bytes.
            ("zürich", 10, "0001-0007-zürich-000000000000000a-"),
        ] as [(String, Int64, String)]
    )
    func goesThereAndBack(clusterID: String, poolID: Int64, start: String) throws {
        let handle = try #require(VolumeHandle(clusterID: clusterID, poolID: poolID, uuid: uuid))
        #expect(handle.description == start + uuid)
        #expect(VolumeHandle(parsing: handle.description) == handle)
    }

    @Test(arguments: [
        "", "vol-1", uuid, "0002-0001-c-0000000000000001-\(uuid)", "0001-0002-c-0000000000000001-\(uuid)",
        "0001-0000--0000000000000001-\(uuid)", "0001-0001-c-000000000000000g-\(uuid)", "0001-0001-c-0000000000000001-x",
        "0001-0001-c-0000000000000001-\(uuid)0", "0001_0001-c-0000000000000001-\(uuid)",
        "0001-0001-c-0000000000000001_\(uuid)", "0001-+001-c-0000000000000001-\(uuid)",
        "mig_mons-b7f67366bb43f32e07d8a261a7840da9_image-e0b45b52-7e09-47d3-8f1b-806995fa4412_706f6f6c",
    ])
    func refuses(text: String) {
        #expect(VolumeHandle(parsing: text) == nil)
    }

    @Test func isOf128BytesAtMost() {
        let longest = String(repeating: "x", count: 64)
        let handle = VolumeHandle(clusterID: longest, poolID: 1, uuid: uuid)
        #expect(handle?.description.utf8.count == 128)
        #expect(handle.flatMap { VolumeHandle(parsing: $0.description) } == handle)
        #expect(VolumeHandle(clusterID: longest + "x", poolID: 1, uuid: uuid) == nil)
        #expect(VolumeHandle(clusterID: "", poolID: 1, uuid: uuid) == nil)
        #expect(VolumeHandle(clusterID: "c", poolID: -1, uuid: uuid) == nil)
        #expect(VolumeHandle(clusterID: "c", poolID: 1, uuid: "not-a-uuid") == nil)
    }

    @Test(
        arguments: [
            ("csi-vol-\(uuid)", uuid), (uuid, uuid), ("a\(uuid)", uuid), ("csi-vol-\(uuid)-temp", nil), ("vol-1", nil),
            ("", nil),
            ("csi-vol-5a1e0b3c-6d2f-4c8e-9b7a-0f1e2d3c4b5", nil), ("csi-vol-5a1e0b3c+6d2f-4c8e-9b7a-0f1e2d3c4b5a", nil),
            (String(repeating: "ü", count: 36), nil),
        ] as [(String, String?)]
    )
    func namesEndWithUUIDs(name: String, suffix: String?) {
        #expect(VolumeUUID.suffix(of: name) == suffix)
    }
}

struct JournalEntryTests {
    private func texts(_ values: [String: [UInt8]]) -> [String: String] {
        values.mapValues { String(decoding: $0, as: UTF8.self) }
    }

    @Test func objectsAndKeysAreThoseOfCephCSI() {
        #expect(JournalKind.volumes.directory(of: "default") == "csi.volumes.default")
        #expect(JournalKind.volumes.key(of: "pvc-1") == "csi.volume.pvc-1")
        #expect(JournalKind.volumes.object(of: uuid) == "csi.volume.\(uuid)")
        #expect(JournalKind.snapshots.directory(of: "blue") == "csi.snaps.blue")
        #expect(JournalKind.snapshots.key(of: "snapshot-1") == "csi.snap.snapshot-1")
        #expect(JournalKind.snapshots.object(of: uuid) == "csi.snap.\(uuid)")
    }

    @Test func aVolumeHasFourKeysAndTwoMoreIfEncrypted() {
        var entry = JournalEntry(requestName: "pvc-1", imageName: "vol", imageID: "10ab", owner: "shop")
        let plain = [
            "csi.volname": "pvc-1", "csi.imagename": "vol", "csi.imageid": "10ab", "csi.volume.owner": "shop",
        ]
        #expect(texts(entry.values(.volumes)) == plain)
        #expect(JournalEntry(.volumes, uuid: uuid, entry.values(.volumes)) == entry)
        (entry.encryptionKMS, entry.encryptionType) = ("vault", "block")
        let encrypted = ["csi.volume.encryptKMS": "vault", "csi.volume.encryptionType": "block"]
        #expect(texts(entry.values(.volumes)) == plain.merging(encrypted) { $1 })
        #expect(JournalEntry(.volumes, uuid: uuid, entry.values(.volumes)) == entry)
    }

    @Test func oldAndUnfinishedEntriesAreRead() {
        let old = JournalEntry(.volumes, uuid: uuid, ["csi.volname": Array("pvc-1".utf8)])
        #expect(old == JournalEntry(requestName: "pvc-1", imageName: "csi-vol-\(uuid)", imageID: nil))
        let unfinished = JournalEntry(.snapshots, uuid: uuid, [:])
        #expect(unfinished.requestName.isEmpty)
        #expect(unfinished.imageName == "csi-snap-\(uuid)")
    }

    @Test func allKeysOfCephCSIAreRead() {
        let values = [
            "csi.snapname": "snapshot-1", "csi.source": "vol", "csi.imagename": "snap", "csi.imageid": "1",
            "csi.journalpool": "000000000000001f", "csi.groupid": "g", "csi.volume.owner": "shop",
        ]
        let entry = JournalEntry(.snapshots, uuid: uuid, values.mapValues { Array($0.utf8) })
        #expect(entry.requestName == "snapshot-1")
        #expect(entry.source == "vol")
        #expect(entry.journalPoolID == 31)
        #expect(entry.otherKeys == ["csi.groupid"])
        #expect(texts(entry.values(.snapshots)) == values.filter { $0.key != "csi.groupid" })
    }

    @Test(
        arguments: [
            (uuid, JournalReference(uuid: uuid)),
            ("000000000000001f/\(uuid)", JournalReference(uuid: uuid, poolID: 31)),
            // On a mirrored cluster, ceph-csi maps old handles to new ones.
            ("0001-0001-c-0000000000000001-\(uuid)", nil), ("1f/\(uuid)", nil), ("a/b/\(uuid)", nil), ("", nil),
        ] as [(String, JournalReference?)]
    )
    func theDirectoryHasUUIDs(value: String, reference: JournalReference?) {
        #expect(JournalReference(Array(value.utf8)) == reference)
        if let reference { #expect(reference.value == Array(value.utf8)) }
    }
}
