// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RBDService

struct ControllerConfigurationTests {
    private func configuration(_ options: [String: String]) throws -> ServiceConfiguration {
        try ServiceConfiguration(try SettingValues(commandLine: options, environment: [:], file: nil))
    }

    @Test func theControllerIsOffByDefault() throws {
        #expect(try configuration([:]).controller == nil)
        #expect(try configuration(["kubernetes-kubeconfig": "/kube"]).controller == nil)
    }

    @Test func theControllerHasItsLease() throws {
        let on = ["kubernetes-controller": "true", "kubernetes-pools": "rbd"]
        let standard = ControllerConfiguration(leaseNamespace: "rbd-rest-api", leaseName: "rbd-rest-api-controller")
        #expect(try configuration(on).controller == standard)
        let other = try configuration(on.merging(["kubernetes-lease": "a/b", "kubernetes-kubeconfig": "/k"]) { $1 })
        #expect(
            other.controller == ControllerConfiguration(kubeconfig: "/k", leaseNamespace: "a", leaseName: "b")
        )
    }

    @Test func thePoolsMustBeNamed() {
        #expect(throws: ConfigurationError.self) { try configuration(["kubernetes-controller": "true"]) }
    }

    /// Otherwise the deletion of a volume would destroy its data.
    @Test func imagesMustStayInTheTrashForATime() throws {
        let on = ["kubernetes-controller": "true", "kubernetes-pools": "rbd"]
        #expect(throws: ConfigurationError.self) { try configuration(on.merging(["trash-delay": "0s"]) { $1 }) }
        #expect(try configuration(on.merging(["trash-delay": "1h"]) { $1 }).controller != nil)
        #expect(try configuration(["trash-delay": "0s"]).controller == nil)
    }

    /// Only the operator knows whose webhook it is.
    @Test func imagesWithoutAVolumeAreReported() throws {
        let on = ["kubernetes-controller": "true", "kubernetes-pools": "rbd"]
        #expect(try configuration(on).controller?.orphans == OrphanPolicy(handling: .report, age: .seconds(600)))
        let other = ["kubernetes-orphans": "trash", "kubernetes-orphan-age": "2h"]
        let policy = try configuration(on.merging(other) { $1 }).controller?.orphans
        #expect(policy == OrphanPolicy(handling: .trash, age: .seconds(7200)))
        // An API server may wait for other webhooks meanwhile.
        for (name, value) in [("kubernetes-orphans", "purge"), ("kubernetes-orphan-age", "59s")] {
            #expect(throws: ConfigurationError.self) { try configuration(on.merging([name: value]) { $1 }) }
        }
        #expect(OrphanPolicy(age: .seconds(60)).interval == .seconds(15))
        #expect(OrphanPolicy(age: .seconds(86_400)).interval == .seconds(300))
    }

    @Test(arguments: ["a", "a/b/c", "/b", "a/", "A/b", "a/b_c", "-a/b", "a.b/c", ""])
    func aLeaseIsANamespaceAndAName(text: String) {
        #expect(throws: ConfigurationError.self) { try configuration(["kubernetes-lease": text]) }
    }

    /// Kubernetes itself can't delete the image of a static volume; the controller can.
    @Test func thePolicyDeleteIsFineWithTheController() throws {
        func warnings(_ rules: VolumeRules, _ reclaim: String) throws -> [String] {
            let volume = PersistentVolume(
                metadata: PersistentVolume.Metadata(name: "pv", annotations: ["rbd-rest-api.io/reclaim": reclaim]),
                spec: PersistentVolume.Spec(
                    capacity: PersistentVolume.Capacity(storage: PersistentVolume.QuantityText(text: "1Gi")),
                    persistentVolumeReclaimPolicy: "Delete",
                    csi: PersistentVolume.CSI(
                        driver: "d",
                        volumeHandle: "data",
                        volumeAttributes: ["clusterID": "c", "pool": "rbd", "staticVolume": "true"]
                    )
                )
            )
            return try rules.demand(of: volume) { "c" }?.warnings.filter { $0.contains("Delete") } ?? []
        }
        var rules = VolumeRules(drivers: ["d"])
        #expect(try warnings(rules, "trash").count == 1)
        rules.hasController = true
        #expect(try warnings(rules, "trash").isEmpty)
        #expect(try warnings(rules, "retain").count == 1)
    }
}
