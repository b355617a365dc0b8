// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI
import Testing

@testable import rbdctl

@Suite struct VolumeCommandTests {
    private func parse<Command>(_ type: Command.Type, _ line: String) throws -> Command {
        try #require(Rbdctl.command(for: line.split(separator: " ").map(String.init)) as? Command)
    }

    @Test func adoptTakesEverything() throws {
        let command = try parse(
            KubernetesAdopt.self,
            "kubernetes adopt p/n/v --claim shop/orders --claim-uid u --cluster-id c --driver d --storage-class s "
                + "--node-stage-secret a/b --controller-expand-secret c/d --fs-type xfs --volume-mode Block "
                + "--access-mode ReadWriteOnce --access-mode ReadOnlyMany --instance i --static --apply "
                + "--encryption-kms-id k --encryption-type file"
        )
        #expect(command.spec == ImageSpec(pool: "p", namespace: "n", image: "v"))
        #expect(command.apply)
        var request = AdoptImageRequest(claimNamespace: "shop", claimName: "orders")
        (request.claimUID, request.clusterID, request.driver, request.storageClass) = ("u", "c", "d", "s")
        (request.nodeStageSecret, request.controllerExpandSecret) = ("a/b", "c/d")
        (request.fsType, request.volumeMode, request.instance) = ("xfs", "Block", "i")
        request.accessModes = ["ReadWriteOnce", "ReadOnlyMany"]
        (request.isStatic, request.encryptionKMSID, request.encryptionType) = (true, "k", "file")
        #expect(command.request == request)
    }

    @Test func whatIsNotGivenIsLeftToTheService() throws {
        let command = try parse(KubernetesAdopt.self, "kubernetes adopt v --claim shop/orders")
        #expect(command.request == AdoptImageRequest(claimNamespace: "shop", claimName: "orders"))
        let manifest = try parse(KubernetesManifest.self, "kubernetes manifest v --storage-class s")
        #expect(manifest.claim == nil)
        let query = manifest.terms.query.filter { $0.value != nil }.map { "\($0.name)=\($0.value ?? "")" }
        #expect(query == ["storageClass=s"])
        let released = try parse(KubernetesRelease.self, "kubernetes release a p/b --dry-run")
        #expect(released.specs.map(\.description) == ["rbd/a", "p/b"])
        #expect(released.options.dryRun.dryRun)
    }

    @Test(arguments: [
        "kubernetes adopt v", "kubernetes adopt v --claim orders", "kubernetes adopt v --claim a/b/c",
        "kubernetes adopt v --claim /b", "kubernetes manifest", "kubernetes release",
    ])
    func refuses(line: String) {
        #expect(throws: (any Error).self) { try parse(KubernetesAdopt.self, line) }
    }

    @Test func theManifestIsWrittenInTheOrderOfKubernetes() throws {
        let volume = KubernetesVolume(
            image: "rbd/vol",
            origin: .adopted,
            uuid: "u",
            warnings: [],
            persistentVolume: PersistentVolumeObject(
                metadata: KubernetesMetadata(name: "pvc-1"),
                spec: .init(
                    accessModes: ["ReadWriteOnce"],
                    capacity: StorageQuantity(bytes: 1_500_000_000),
                    claimRef: .init(namespace: "shop", name: "orders"),
                    csi: .init(
                        driver: "rbd.csi.ceph.com",
                        volumeHandle: "0001-h",
                        fsType: nil,
                        volumeAttributes: SortedTexts(["pool": "rbd", "clusterID": "c", "imageName": "vol"]),
                        nodeStageSecretRef: .init(namespace: "ceph-csi", name: "user"),
                        controllerExpandSecretRef: nil
                    ),
                    persistentVolumeReclaimPolicy: "Retain",
                    storageClassName: nil,
                    volumeMode: "Filesystem"
                )
            ),
            persistentVolumeClaim: PersistentVolumeClaimObject(
                metadata: KubernetesMetadata(name: "orders", namespace: "shop"),
                spec: .init(
                    accessModes: ["ReadWriteOnce"],
                    resources: .init(requests: StorageQuantity(bytes: 3 << 30)),
                    storageClassName: "",
                    volumeMode: "Filesystem",
                    volumeName: "pvc-1"
                )
            )
        )
        #expect(
            try volume.manifest == """
                apiVersion: v1
                kind: PersistentVolume
                metadata:
                  name: pvc-1
                spec:
                  accessModes:
                  - ReadWriteOnce
                  capacity:
                    storage: '1500000000'
                  claimRef:
                    apiVersion: v1
                    kind: PersistentVolumeClaim
                    namespace: shop
                    name: orders
                  csi:
                    driver: rbd.csi.ceph.com
                    volumeHandle: '0001-h'
                    volumeAttributes:
                      clusterID: c
                      imageName: vol
                      pool: rbd
                    nodeStageSecretRef:
                      name: user
                      namespace: ceph-csi
                  persistentVolumeReclaimPolicy: Retain
                  volumeMode: Filesystem
                ---
                apiVersion: v1
                kind: PersistentVolumeClaim
                metadata:
                  name: orders
                  namespace: shop
                spec:
                  accessModes:
                  - ReadWriteOnce
                  resources:
                    requests:
                      storage: '3Gi'
                  storageClassName: ''
                  volumeMode: Filesystem
                  volumeName: pvc-1

                """
        )
    }
}
