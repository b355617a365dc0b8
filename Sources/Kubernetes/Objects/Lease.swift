// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `coordination.k8s.io/v1` Lease.
public struct Lease: KubernetesObject, Equatable {
    public static let resource = ResourceKind(
        group: "coordination.k8s.io",
        version: "v1",
        kind: "Lease",
        plural: "leases",
        isNamespaced: true
    )

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// Nil if nobody holds the lease.
    public var holder: String? {
        get { spec[string: "holderIdentity"].flatMap { $0.isEmpty ? nil : $0 } }
        set { spec[string: "holderIdentity"] = newValue ?? "" }
    }

    /// How long others wait after the last renewal that they have seen.
    public var durationSeconds: Int64? {
        get { spec[int: "leaseDurationSeconds"] }
        set { spec[int: "leaseDurationSeconds"] = newValue }
    }

    /// By the clock of the holder.
    public var acquireTime: KubernetesTime? {
        get { spec[time: "acquireTime"] }
        set { spec[string: "acquireTime"] = newValue?.microText }
    }

    /// By the clock of the holder.
    public var renewTime: KubernetesTime? {
        get { spec[time: "renewTime"] }
        set { spec[string: "renewTime"] = newValue?.microText }
    }

    /// How often the holder has changed.
    public var transitions: Int64 {
        get { spec[int: "leaseTransitions"] ?? 0 }
        set { spec[int: "leaseTransitions"] = newValue }
    }
}
