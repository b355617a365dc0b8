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
        let source =
            isInTree
            ? #""rbd":{"monitors":["127.0.0.1:6789"],"image":"\#(image)","pool":"\#(pool)"}"#
            : #""csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"\#(image)","volumeAttributes":"#
                + #"{"clusterID":"\#(fsid)","pool":"\#(pool)","staticVolume":"true"\#(features)}}"#
        return
            #"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"\#(name)","#
            + #""annotations":\#(Self.object(annotations)),"labels":\#(Self.object(labels))},"spec":{"capacity":"#
            + #"{"storage":"\#(storage)"},\#(source),"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Retain"}}"#
    }

    /// The review that an API server would send for it.
    public func review(dryRun: Bool = false, uid: String = "u-1") -> String {
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"\#(uid)","resource":{"group":"","#
            + #""version":"v1","resource":"persistentvolumes"},"operation":"CREATE","userInfo":{"username":"alice"},"#
            + #""object":\#(json),"oldObject":null,"dryRun":\#(dryRun)}}"#
    }

    private static func object(_ members: [String: String]) -> String {
        "{\(members.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ","))}"
    }
}
