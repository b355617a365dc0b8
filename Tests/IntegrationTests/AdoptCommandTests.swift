// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// `rbdctl kubernetes adopt`, `release` and `manifest` as a program, in front of the real service and cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct AdoptCommandTests {
    private func run(
        _ setting: AdoptionSetting,
        path: String? = nil,
        _ arguments: String...
    ) async throws -> Subprocess {
        var environment = ProcessInfo.processInfo.environment
        environment["RBDCTL_SERVER"] = setting.server.url
        if let path { environment["PATH"] = path }
        return try await Subprocess.run(
            Subprocess.built("rbdctl"),
            ["kubernetes"] + arguments,
            environment: environment
        )
    }

    @Test func whatIsPrintedCanBePrintedAgain() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            let image = "\(setting.pool)/vol"
            let planned = try await run(setting, "adopt", image, "--claim", "shop/orders", "--dry-run")
            #expect(planned.standardOutput.contains("adopt-image"), "\(planned.standardError)")
            #expect(try await setting.journal().isEmpty)
            let adopted = try await run(
                setting,
                "adopt",
                image,
                "--claim",
                "shop/orders",
                "--storage-class",
                "fast",
                "--node-stage-secret",
                "ceph-csi/user"
            )
            #expect(adopted.status == 0, "\(adopted.standardError)")
            #expect(adopted.standardOutput.hasPrefix("apiVersion: v1\nkind: PersistentVolume\n"))
            #expect(adopted.standardOutput.contains("---\napiVersion: v1\nkind: PersistentVolumeClaim\n"))
            #expect(adopted.standardError.contains("leave the reclaim policy at Retain"))
            let again = try await run(setting, "manifest", image)
            #expect(again.standardOutput == adopted.standardOutput)
            let released = try await run(setting, "release", image)
            #expect(released.status == 0, "\(released.standardError)")
            #expect(released.standardOutput == "\(image)\n")
            #expect(try await setting.journal().isEmpty)
            let none = try await run(setting, "manifest", image)
            #expect(none.status == 2)
            #expect(none.standardError.contains("hint: rbdctl kubernetes adopt \(image) makes it one"))
        }
    }

    @Test func kubectlIsGivenTheObjects() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            let files = try TemporaryFolder()
            let image = "\(setting.pool)/vol"
            let without = try await run(
                setting,
                path: files.path(""),
                "adopt",
                image,
                "--claim",
                "shop/orders",
                "--apply"
            )
            #expect(without.status == 64)
            #expect(without.standardError.contains("there is no kubectl in the PATH; nothing was changed"))
            #expect(try await setting.journal().isEmpty)
            let script =
                "#!/bin/sh\necho \"$@\" > '\(files.path("arguments"))'\n/bin/cat > '\(files.path("input"))'\nexit 7\n"
            try files.replace("kubectl", script, mode: 0o700)
            let applied = try await run(
                setting,
                path: files.path(""),
                "adopt",
                image,
                "--claim",
                "shop/orders",
                "--apply"
            )
            // The status is kubectl's own.
            #expect(applied.status == 7, "\(applied.standardError)")
            #expect(applied.standardOutput.isEmpty)
            #expect(try files.text("arguments") == "apply -f -\n")
            #expect(try await run(setting, "manifest", image).standardOutput == files.text("input"))
        }
    }

    /// ceph-csi writes the names of the objects to its images if it runs with `--setmetadata`.
    @Test func theManifestOfAVolumeOfCephCSI() async throws {
        try await withAdoptions { setting in
            let uuid = AdoptionSetting.uuid
            let image = "csi-vol-\(uuid)"
            let id = try await setting.create(image)
            try await setting.putVolume(uuid, request: "pvc-1", image: image, imageID: id)
            let plain: KubernetesVolume = try await setting.server.get(setting.path(image)).decoded()
            #expect(plain.origin == .provisioned)
            #expect(plain.uuid == uuid)
            #expect(plain.persistentVolume.metadata.name == "pvc-1")
            #expect(plain.persistentVolumeClaim == nil)
            #expect(plain.warnings.contains { $0.hasPrefix("Ceph does not know the claim") })
            let named = try await run(setting, "manifest", "\(setting.pool)/\(image)", "--claim", "shop/orders")
            #expect(named.standardOutput.contains("  name: orders\n  namespace: shop\n"))
            for (key, value) in ["pv/name": "pvc-2", "pvc/name": "orders", "pvc/namespace": "shop"] {
                try await setting.rbd(
                    "image-meta",
                    "set",
                    "\(setting.pool)/\(image)",
                    "csi.storage.k8s.io/\(key)",
                    value
                )
            }
            let told: KubernetesVolume = try await setting.server.get(setting.path(image)).decoded()
            #expect(told.persistentVolume.metadata.name == "pvc-2")
            #expect(told.persistentVolume.spec.claimRef?.name == "orders")
            #expect(told.persistentVolume.spec.claimRef?.namespace == "shop")
            #expect(told.persistentVolumeClaim?.metadata.name == "orders")
            #expect(told.persistentVolume.spec.csi.volumeAttributes.values["imageName"] == image)
        }
    }
}
