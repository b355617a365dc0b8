// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import rbdctl

/// What `rbdctl kubernetes prehook` finds in manifests.
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
                {"rbd-rest-api.io/ensure":"true"}},"spec":{"capacity":{"storage":"1Gi"},"csi":{"driver":"rbd.csi.ceph.com",\
                "volumeAttributes":{"staticVolume":"true"}}}}
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
        #expect(volumes.map(\.source) == ["pv.yaml:3", "pv.yaml:25", "pv.yaml:30"])
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
            ("kind: PersistentVolume\n", "apiVersion"), ("kind: List\nitems: 5\n", "items"), ("kind: [a]\n", "no kind"),
            ("name: {{ .Values.name }}\n", "line 1"),
        ]
    )
    func whatCannotBeReadNamesThePlace(text: String, word: String) {
        let failure = #expect(throws: Failure.self) { try read(text) }
        #expect(failure?.detail.contains(word) == true)
        #expect(failure?.detail.hasPrefix("pv.yaml, line ") == true)
        #expect(failure?.status == .refused)
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
}
