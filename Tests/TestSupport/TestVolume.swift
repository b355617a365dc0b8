// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A PersistentVolume, as a user writes it.
public struct TestVolume: Sendable {
    public var pool: String
    public var fsid: String
    public var image: String
    public var storage: String
    public var features: String?
    public var isInTree = false
    public var staticVolume = "true"
    /// Further attributes of the CSI driver.
    public var attributes: [String: String] = [:]
    /// The fields of `spec.csi` that name a secret.
    public var secrets = ["nodeStageSecretRef"]
    public var annotations: [String: String] = [:]
    public var labels: [String: String] = [:]

    public init(
        pool: String,
        fsid: String,
        image: String = "vol",
        storage: String = "1Gi",
        features: String? = "layering"
    ) {
        (self.pool, self.fsid, self.image, self.storage, self.features) = (pool, fsid, image, storage, features)
    }

    public var name: String { "pv-\(image)" }

    public var json: String {
        let features = features.map { #","imageFeatures":"\#($0)""# } ?? ""
        let more = attributes.map { #","\#($0.key)":"\#($0.value)""# }.joined()
        let references = secrets.map { #","\#($0)":{"name":"csi-rbd-secret","namespace":"default"}"# }.joined()
        let source =
            isInTree
            ? #""rbd":{"monitors":["127.0.0.1:6789"],"image":"\#(image)","pool":"\#(pool)"}"#
            : #""csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"\#(image)"\#(references),"volumeAttributes":"#
                + #"{"clusterID":"\#(fsid)","pool":"\#(pool)","staticVolume":"\#(staticVolume)"\#(features)\#(more)}}"#
        return
            #"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"\#(name)","#
            + #""annotations":\#(Self.object(annotations)),"labels":\#(Self.object(labels))},"spec":{"capacity":"#
            + #"{"storage":"\#(storage)"},\#(source),"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Retain"}}"#
    }

    /// The review that an API server would send for it.
    /// - Parameter old: the volume before the change; nil for a new volume.
    public func review(dryRun: Bool = false, uid: String = "u-1", replacing old: TestVolume? = nil) -> String {
        let operation = old == nil ? "CREATE" : "UPDATE"
        return
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"\#(uid)","resource":{"group":"","#
            + #""version":"v1","resource":"persistentvolumes"},"operation":"\#(operation)","#
            + #""userInfo":{"username":"alice"},"object":\#(json),"oldObject":\#(old?.json ?? "null"),"dryRun":\#(dryRun)}}"#
    }

    private static func object(_ members: [String: String]) -> String {
        "{\(members.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ","))}"
    }
}
