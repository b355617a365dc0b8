// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import rbdctl

/// The volumes that `rbdctl kubernetes prehook` finds in manifests.
@Suite struct VolumeManifestTests {
    private func read(_ text: String) throws -> [VolumeManifest] {
        try VolumeManifest.volumes(in: text, source: "pv.yaml")
    }

    private static let volume = """
        apiVersion: v1
        kind: PersistentVolume
        metadata:
          name: pv-1
          labels: {app: a}
          annotations:
            rbd-rest-api.io/ensure: "true"
            pv.kubernetes.io/provisioned-by: rbd.csi.ceph.com
            kubectl.kubernetes.io/last-applied-configuration: "{}"
        spec:
          capacity:
            storage: 1Gi
          csi:
            driver: rbd.csi.ceph.com
            volumeAttributes: {staticVolume: "true"}
        """

    @Test func aVolumeGoesToTheServiceAsJSON() throws {
        let volume = try #require(try read(Self.volume).first)
        #expect(volume.name == "pv-1")
        #expect(volume.source == "pv.yaml:1")
        #expect(
            try volume.json == """
                {"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv-1","annotations":\
                {"rbd-rest-api.io/ensure":"true","pv.kubernetes.io/provisioned-by":"rbd.csi.ceph.com"}},\
                "spec":{"capacity":{"storage":"1Gi"},"csi":{"driver":"rbd.csi.ceph.com","volumeAttributes":{"staticVolume":"true"}}}}
                """
        )
    }

    @Test func allDocumentsAndListsAreRead() throws {
        let text = """
            # a comment
            ---
            \(Self.volume)
            ---
            kind: ConfigMap
            apiVersion: v1
            ---
            ---
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-2}}
            - {apiVersion: v1, kind: Pod}
            - apiVersion: v1
              kind: PersistentVolumeList
              items:
              - {apiVersion: v1, kind: PersistentVolume, metadata: {generateName: pv-3-}}
            ---
            apiVersion: example.com/v1
            kind: PersistentVolume
            """
        let volumes = try read(text)
        #expect(volumes.map(\.name) == ["pv-1", "pv-2", "pv-3-"])
        #expect(volumes.map(\.source) == ["pv.yaml:3", "pv.yaml:26", "pv.yaml:31"])
    }

    @Test func jsonIsRead() throws {
        let text =
            #"{"kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": "pv"}, "spec": {"capacity": {"storage": 5}}}"#
        let volume = try #require(try read(text).first)
        #expect(try volume.json.hasSuffix(#""spec":{"capacity":{"storage":5}}}"#))
    }

    @Test(
        arguments: [
            ("1Gi", #""1Gi""#), ("5", "5"), ("-5", "-5"), ("1.5", "1.5"), ("1e3", "1000.0"), ("\"5\"", #""5""#),
            ("'true'", #""true""#),
            ("true", "true"), ("no", "false"), ("~", "null"), ("0x10", #""0x10""#), ("010", #""010""#),
            ("1_000", #""1_000""#),
            ("1.2.3", #""1.2.3""#), ("+5", #""+5""#), ("٣", #""٣""#), ("9007199254740993", "9007199254740993"),
        ]
    )
    func scalarsAreAsKubectlHasThem(yaml: String, json: String) throws {
        let text = "{apiVersion: v1, kind: PersistentVolume, metadata: {name: a}, spec: {capacity: {storage: \(yaml)}}}"
        let volume = try #require(try read(text).first)
        #expect(try volume.json.contains(#""storage":\#(json)}"#))
    }

    @Test(
        arguments: [
            ("a: [", "node content"), ("kind: A\n---\nkind: B\nkind: C\n", "line 4"), ("just words", "no kind"),
            ("- a\n", "no kind"),
            ("kind: PersistentVolume\n", "apiVersion"), ("apiVersion: v1\nkind: List\nitems: 5\n", "items"),
            ("kind: [a]\n", "no kind"),
            ("name: {{ .Values.name }}\n", "line 1"), ("kind: ~\n", "no kind"), ("kind: ''\n", "no kind"),
            ("kind: List\nitems: []\n", "apiVersion"), ("kind: PersistentVolumeList\nitems: []\n", "apiVersion"),
            ("apiVersion: v1\nkind: List\nitems: [{metadata: {name: a}}]\n", "no kind"),
            ("apiVersion: v1\nkind: List\nitems: [{kind: PersistentVolume}]\n", "apiVersion"),
            ("apiVersion: v1\nkind: PodList\nitems: [a]\n", "no kind"),
            ("apiVersion: v1\nkind: !!binary UGVyc2lzdGVudFZvbHVtZQ==\n", "!!binary"),
            ("apiVersion: v1\nkind: PersistentVolume\nspec: {capacity: !own {}}\n", "!own"),
            ("x: &x {spec: {}}\napiVersion: v1\nkind: PersistentVolume\nspec: {csi: {}}\n<<: *x\n", "write << first"),
        ]
    )
    func whatCannotBeReadNamesThePlace(text: String, word: String) {
        let failure = #expect(throws: Failure.self) { try read(text) }
        #expect(failure?.detail.contains(word) == true)
        #expect(failure?.detail.hasPrefix("pv.yaml, line ") == true)
        #expect(failure?.status == .refused)
    }

    /// The form of `kubectl get --raw /api/v1/persistentvolumes`.
    @Test func theItemsOfAListNeedNotSayWhatTheyAre() throws {
        let text = """
            {"kind":"PersistentVolumeList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[
            {"metadata":{"name":"a"},"spec":{}},{"metadata":{"name":"b"}}]}
            """
        #expect(try read(text).map(\.name) == ["a", "b"])
        #expect(try read("apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: a}}]").isEmpty)
        #expect(try read("apiVersion: v1\nkind: PersistentVolumeList\nitems: ~").isEmpty)
    }

    @Test func otherKindsPassWhateverIsInThem() throws {
        let text = """
            apiVersion: example.com/v1
            kind: IPList
            items: [10.0.0.1, 10.0.0.2]
            ---
            apiVersion: example.com/v1
            kind: AddressList
            items: many
            ---
            apiVersion: v1
            kind: ConfigMap
            binaryData: {a: !!binary eA==}
            data: !own {<<: {a: 1}, b: !!int "2"}
            ---
            \(Self.volume)
            """
        #expect(try read(text).map(\.name) == ["pv-1"])
    }

    @Test func whatIsMergedIsPartOfTheVolume() throws {
        let text = """
            apiVersion: v1
            kind: List
            common:
              attributes: &attributes {clusterID: c, pool: rbd, staticVolume: "true"}
              csi: &csi {driver: rbd.csi.ceph.com}
            items:
            - apiVersion: v1
              kind: PersistentVolume
              metadata: {name: a}
              spec:
                csi:
                  <<: *csi
                  volumeAttributes: {<<: *attributes, pool: fast}
            """
        let volume = try #require(try read(text).first)
        #expect(
            try volume.json.hasSuffix(
                #""spec":{"csi":{"volumeAttributes":{"pool":"fast","clusterID":"c","staticVolume":"true"},"#
                    + #""driver":"rbd.csi.ceph.com"}}}"#
            )
        )
    }

    @Test func jsonObjectsFollowEachOther() throws {
        func volume(_ name: String) -> String {
            #"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"\#(name)"}}"#
        }
        let volumes = try read(volume("a") + volume("b") + "\n" + volume(#"\ud83d\ude00"#) + "\n")
        #expect(volumes.map(\.name) == ["a", "b", "😀"])
        #expect(volumes.map(\.source) == ["pv.yaml:1", "pv.yaml:1", "pv.yaml:2"])
    }

    @Test func anEmptyTextHasNone() throws {
        #expect(try read("").isEmpty)
        #expect(try read("---\n---\n").isEmpty)
    }

    @Test func directoriesAreReadInOrder() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("c"),
            withIntermediateDirectories: true
        )
        for (name, volume) in [
            ("b.yml", "b"), ("a.json", "a"), ("c/d.yaml", "d"), ("notes.txt", "none"), ("yaml", "none"),
        ] {
            try Data("{apiVersion: v1, kind: PersistentVolume, metadata: {name: \(volume)}}".utf8)
                .write(to: folder.appendingPathComponent(name))
        }
        #expect(try VolumeManifest.read(folder.path, isRecursive: false).map(\.name) == ["a", "b"])
        #expect(try VolumeManifest.read(folder.path + "/", isRecursive: true).map(\.name) == ["a", "b", "d"])
        let failure = #expect(throws: Failure.self) { try VolumeManifest.read(folder.path + "/x", isRecursive: false) }
        #expect(failure?.status == .usage)
    }

    private func write(_ name: String, _ file: URL) throws {
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data("{apiVersion: v1, kind: PersistentVolume, metadata: {name: \(name)}}".utf8).write(to: file)
    }

    /// The files as the kubelet makes them.
    @Test func aMountedConfigMapIsReadOnce() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let hidden = "..2024_10_16_17_06_44.1234567890"
        for name in ["a", "b"] { try write(name, folder.appendingPathComponent("\(hidden)/\(name).yaml")) }
        try write("c", folder.appendingPathComponent("real/c.yaml"))
        for (link, target) in [
            ("..data", hidden), ("a.yaml", "..data/a.yaml"), ("b.yaml", "..data/b.yaml"), ("linked", "real"),
            ("linked.yaml", "real"), ("loop", "."),
        ] {
            try FileManager.default.createSymbolicLink(
                atPath: folder.appendingPathComponent(link).path,
                withDestinationPath: target
            )
        }
        #expect(try VolumeManifest.read(folder.path, isRecursive: false).map(\.name) == ["a", "b"])
        #expect(try VolumeManifest.read(folder.path, isRecursive: true).map(\.name) == ["a", "b", "c"])
        // A path that is named on the command line is read, whether it is a link or not.
        #expect(try VolumeManifest.read(folder.path + "/linked", isRecursive: false).map(\.name) == ["c"])
        #expect(try VolumeManifest.read(folder.path + "/..data", isRecursive: false).map(\.name) == ["a", "b"])
    }

    @Test func whatIsNotUTF8IsRefused() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("a: \u{FF}".unicodeScalars.map { UInt8($0.value) }).write(to: file)
        let failure = #expect(throws: Failure.self) { try VolumeManifest.read(file.path, isRecursive: false) }
        #expect(failure?.status == .refused)
        #expect(failure?.detail == "\(file.path) is not UTF-8")
    }
}
