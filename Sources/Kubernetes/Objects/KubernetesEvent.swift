// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `core/v1` Event, which `kubectl describe` shows on all versions of Kubernetes.
public struct KubernetesEvent: KubernetesObject {
    public static let resource = ResourceKind(version: "v1", kind: "Event", plural: "events", isNamespaced: true)

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// Whether an event is of interest only to readers who look for it, or tells of a problem.
    public struct Severity: Hashable, Sendable {
        /// The value of the field `type`.
        public let rawValue: String

        public static let normal = Severity(rawValue: "Normal")
        public static let warning = Severity(rawValue: "Warning")
    }

    /// The object that the event is about.
    public var object: ObjectReference {
        get { ObjectReference(json: json[object: "involvedObject"]) }
        set { json[object: "involvedObject"] = newValue.json }
    }

    /// One word, such as `ProvisioningFailed`.
    public var reason: String {
        get { json[string: "reason"] ?? "" }
        set { json[string: "reason"] = newValue }
    }

    public var message: String {
        get { json[string: "message"] ?? "" }
        set { json[string: "message"] = newValue }
    }

    public var severity: Severity {
        get { Severity(rawValue: json[string: "type"] ?? "Normal") }
        set { json[string: "type"] = newValue.rawValue }
    }

    /// How often it has occurred.
    public var count: Int64 {
        get { json[int: "count"] ?? 1 }
        set { json[int: "count"] = newValue }
    }

    public var firstTimestamp: KubernetesTime? {
        get { json[time: "firstTimestamp"] }
        set { json[string: "firstTimestamp"] = newValue?.description }
    }

    public var lastTimestamp: KubernetesTime? {
        get { json[time: "lastTimestamp"] }
        set { json[string: "lastTimestamp"] = newValue?.description }
    }

    /// The program that reports the event, and where it runs.
    public mutating func setSource(component: String, host: String) {
        json["source"] = ["component": .string(component), "host": .string(host)]
        json[string: "reportingComponent"] = component
        json[string: "reportingInstance"] = host
    }
}
