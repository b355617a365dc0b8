// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Naming
import RBDAPI
import Testing
import YAML

@testable import RBDService

/// `openapi.yaml` must agree with the router and the types.
struct ContractTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private let contract: YAMLNode

    init() throws {
        let file = Self.root.appendingPathComponent("openapi.yaml")
        contract = try YAMLNode.parse(String(contentsOf: file, encoding: .utf8))
    }

    @Test func everyRouteIsInTheContractAndTheOtherWayRound() throws {
        let values = try SettingValues(commandLine: ["audit-log": "off"], environment: [:], file: nil)
        let service = try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let routed = Set(service.buildRouter().routes.map { "\($0.method.rawValue) \($0.path)" })
            .filter { !$0.hasPrefix("HEAD ") }
        let methods: Set<String> = ["get", "put", "post", "delete", "patch", "head", "options"]
        let described = try #require(contract["paths"]?.entries).flatMap { path in
            (path.value.entries ?? []).filter { methods.contains($0.key) }.map { "\($0.key.uppercased()) \(path.key)" }
        }
        #expect(routed == Set(described))
    }

    /// The rows of the contract's table, such as `image-not-found 404`.
    private func describedCodes() throws -> [String] {
        let text = try #require(contract["components"]?["schemas"]?["ProblemCode"]?["description"]?.text)
        return text.matches(of: /\| `([a-z-]+)` \| ([0-9]+) \|/).map { "\($0.1) \($0.2)" }
    }

    /// The codes that the sources declare, wherever they do: with the text, the status and the title.
    @Test func everyProblemCodeIsInTheContractAndTheOtherWayRound() throws {
        let described = try describedCodes()
        let sources = Self.root.appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        var declared: [String] = []
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            let rows = text.matches(of: #/\(\s*"([^"\\]+)",\s*([0-9]{3}),\s*"/#)
            declared += rows.map { "\($0.1) \($0.2)" }
        }
        #expect(declared.sorted() == described.sorted())
        // No code has two statuses.
        #expect(declared.count == Set(declared.map { $0.prefix { $0 != " " } }).count)
    }

    @Test func everyActionOfAPlanIsInTheContractAndTheOtherWayRound() throws {
        let action = contract["components"]?["schemas"]?["PlanStep"]?["properties"]?["action"]?["description"]
        let described = try #require(action?.text).split(separator: "`").map(String.init)
            .filter { $0.wholeMatch(of: /[a-z]+(-[a-z]+)+/) != nil }
        #expect(Set(described) == Set(Plan.Action.allCases.map(\.rawValue)))
    }

    @Test func everyKindOfOperationIsInTheContract() throws {
        let kind = contract["components"]?["schemas"]?["Operation"]?["properties"]?["kind"]?["description"]
        let described = try #require(kind?.text)
        for kind in OperationKind.all { #expect(described.contains("`\(kind)`")) }
    }

    /// The values are not enumerations in the contract, because newer services may have more of them.
    @Test func everyRemedyIsInTheContract() throws {
        let properties = try #require(contract["components"]?["schemas"]?["Remedy"]?["properties"])
        let actions = try #require(properties["action"]?["description"]?.text)
        for action in Remedy.Action.allCases { #expect(actions.contains("`\(action.rawValue)`"), "\(action)") }
        let kinds = try #require(properties["kind"]?["description"]?.text)
        for kind in Remedy.Kind.allCases { #expect(kinds.contains("`\(kind.rawValue)`"), "\(kind)") }
    }

    @Test func everyErrorOfCephHasAProblem() throws {
        let described = try Set(describedCodes())
        let file = Self.root.appendingPathComponent("Sources/Ceph/CephError+Code.swift")
        let text = try String(contentsOf: file, encoding: .utf8)
        let rows = text.matches(of: #/= Self\("(\w+)"([^{]*)\{/#)
        #expect(rows.count > 50)
        for row in rows {
            // It is equal to the constant: codes are the same if their texts are.
            let code = CephError.Code(String(row.1), isRetriable: row.2.contains("isRetriable: true")) { _ in "" }
            let problem = Problem(CephError(code, .readImage, on: .image(ImageSpec(pool: "rbd", image: "vol-1"))))
            #expect(described.contains("\(problem.code) \(problem.status)"), "\(code)")
            // Each code but one has a row of its own.
            #expect((problem.code == "ceph-error") == (code == .other), "\(code)")
            #expect(problem.retryable == code.isRetriable, "\(code)")
            #expect(problem.remedy.map { $0.hint == problem.hint } ?? true, "\(code)")
        }
    }

    @Test func schemasHaveTheMembersOfTheTypes() throws {
        let types: [(schema: String, type: any Decodable.Type)] = [
            ("Image", Image.self), ("ImageQoS", ImageQoS.self), ("ParentImage", ParentImage.self),
            ("ImageUsage", RBDAPI.ImageUsage.self), ("ImageGroup", ImageGroup.self),
            ("VolumeOutcome", VolumeOutcome.self), ("KubernetesVolume", KubernetesVolume.self),
            ("Pool", RBDAPI.Pool.self),
            ("PoolQuota", PoolQuota.self), ("PoolUsage", PoolUsage.self), ("ClusterStatus", ClusterStatus.self),
            ("ClusterHealth", ClusterHealth.self), ("HealthCheck", HealthCheck.self),
            ("ClusterCapacity", ClusterCapacity.self), ("Problem", Problem.self), ("Remedy", Remedy.self),
            ("Plan", Plan.self),
            ("PlanStep", Plan.Step.self), ("Operation", RBDAPI.Operation.self),
            ("TrashedImage", RBDAPI.TrashedImage.self),
            ("PurgeAnswer", PurgeAnswer.self), ("Probe", Probe.self),
            ("Group", RBDAPI.Group.self),
            ("GroupImage", RBDAPI.GroupImage.self), ("GroupSnapshot", GroupSnapshot.self),
            ("ImageSnapshots", ImageSnapshots.self),
            ("Snapshot", Snapshot.self), ("SnapshotUsage", Snapshot.Usage.self), ("SnapshotLimit", SnapshotLimit.self),
            ("ImageChildren", ImageChildren.self), ("ImageChild", ImageChild.self),
            ("ImageAncestry", ImageAncestry.self), ("Namespace", Namespace.self),
            ("NamespaceContents", Namespace.Contents.self),
            ("ImageLocks", ImageLocks.self), ("ImageLock", ImageLock.self),
            ("ImageWatchers", ImageWatchers.self), ("ImageWatcher", ImageWatcher.self),
        ]
        for (schema, type) in types {
            let properties = try #require(
                contract["components"]?["schemas"]?[schema]?["properties"]?.entries,
                "\(schema)"
            )
            #expect(Set(properties.map(\.key)) == MemberCollector.members(of: type), "\(schema)")
        }
    }

    @Test(
        arguments: [
            ("CreateImageRequest", CreateImageRequest.fieldNames), ("ImageProperties", ImageProperties.fieldNames),
            ("CreatePoolRequest", CreatePoolRequest.fieldNames),
            ("RestoreImageRequest", RestoreImageRequest.fieldNames), ("CopyImageRequest", CopyImageRequest.fieldNames),
            ("CreatePoolRequest", CreatePoolRequest.fieldNames), ("CreateGroupRequest", CreateGroupRequest.fieldNames),
            ("UpdatePoolRequest", UpdatePoolRequest.fieldNames),
            ("PoolQuotaChange", PoolQuotaChange.fieldNames),
            ("UpdateGroupRequest", UpdateGroupRequest.fieldNames),
            ("CreateGroupSnapshotRequest", CreateGroupSnapshotRequest.fieldNames),
            ("ImageSource", ImageSource.fieldNames), ("NewImageSource", ImageSource.fieldNames),
            ("CreateSnapshotRequest", CreateSnapshotRequest.fieldNames),
            ("SnapshotChanges", SnapshotChanges.fieldNames),
            ("SetSnapshotLimitRequest", SetSnapshotLimitRequest.fieldNames),
            ("CreateNamespaceRequest", CreateNamespaceRequest.fieldNames),
            ("AdoptImageRequest", AdoptImageRequest.fieldNames),
        ]
    )
    func requestsHaveTheFieldsOfTheTypes(schema: String, fields: [String]) throws {
        let properties = try #require(contract["components"]?["schemas"]?[schema]?["properties"]?.entries)
        #expect(Set(properties.map(\.key)) == Set(fields))
    }
}
