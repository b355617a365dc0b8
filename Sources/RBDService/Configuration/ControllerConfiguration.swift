// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The configuration of the controller for PersistentVolumes.
struct ControllerConfiguration: Hashable, Sendable {
    /// Nil for the service account of the pod.
    var kubeconfig: String?
    var leaseNamespace: String
    var leaseName: String
    var orphans = OrphanPolicy()
}
