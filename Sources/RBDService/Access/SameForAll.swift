// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// Values of which every caller who gets them may see everything. They name nothing but the request's own object, or
/// the service that makes them leaves out what the caller must not see.
protocol SameForAll: Redacted {}

extension SameForAll {
    func seen(with access: Access) -> Self { self }
}

extension Probe: SameForAll {}
extension ClusterStatus: SameForAll {}
extension RBDAPI.Pool: SameForAll {}
extension RBDAPI.Namespace: SameForAll {}
extension RBDAPI.TrashedImage: SameForAll {}
extension ImageLocks: SameForAll {}
extension ImageWatchers: SameForAll {}
extension SnapshotLimit: SameForAll {}
extension RBDAPI.GroupImage: SameForAll {}
extension VolumeOutcome: SameForAll {}
extension KubernetesVolume: SameForAll {}
