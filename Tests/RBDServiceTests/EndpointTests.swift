// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Logging
import Testing
import YAML

@testable import RBDService

/// `openapi.yaml` and `docs/security.md` agree with the declaration of each endpoint.
struct EndpointTests {
    private let endpoints: [Endpoint]
    private let contract: YAMLNode

    init() throws {
        let values = try SettingValues(commandLine: ["audit-log": "off"], environment: [:], file: nil)
        endpoints = try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ).endpoints
        contract = try YAMLNode.parse(
            String(contentsOf: Self.root.appendingPathComponent("openapi.yaml"), encoding: .utf8)
        )
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The page has the verb of each route, and no route that does not exist.
    @Test func theRulesAreInTheDocumentation() throws {
        let page = Self.root.appendingPathComponent("docs/security.md")
        let rows = try String(contentsOf: page, encoding: .utf8).split(separator: "\n").filter { row in
            row.firstMatch(of: /^\| `[A-Z]+ \//) != nil
        }
        var documented: [String: Substring] = [:]
        for row in rows { documented[String(row.split(separator: "`")[1])] = row }
        for endpoint in endpoints {
            let name = "\(endpoint.method) \(endpoint.path)"
            let row = documented.removeValue(forKey: name)
            guard let verb = endpoint.rule.verb else {
                #expect(row == nil, "\(name)")
                continue
            }
            let expected: String =
                if case .operation = endpoint.rule { "the verb that began it" } else { "`\(verb.rawValue)`" }
            #expect(row?.contains("\(expected) |") == true, "\(name): \(row ?? "no row")")
        }
        #expect(documented.isEmpty)
    }

    /// A caller that may only read can't change anything.
    @Test func everyChangeNeedsMoreThanRead() throws {
        for endpoint in endpoints where endpoint.method != .get {
            #expect(endpoint.rule.verb.map { $0 != .read } == true, "\(endpoint.method) \(endpoint.path)")
        }
    }

    // MARK: The contract

    private func operation(of endpoint: Endpoint) throws -> YAMLNode {
        let method = endpoint.method.rawValue.lowercased()
        return try #require(contract["paths"]?[endpoint.path]?[method], "\(method) \(endpoint.path)")
    }

    /// The node that a `$ref` points to, or the node itself.
    private func resolved(_ node: YAMLNode) throws -> YAMLNode {
        guard let reference = node["$ref"]?.text else { return node }
        var node = contract
        for part in reference.split(separator: "/").dropFirst() {
            node = try #require(node[String(part)], "\(reference)")
        }
        return node
    }

    @Test func everyOperationHasTheParametersOfItsEndpoint() throws {
        for endpoint in endpoints {
            let shared = contract["paths"]?[endpoint.path]?["parameters"]?.items ?? []
            let own = try operation(of: endpoint)["parameters"]?.items ?? []
            let parameters = try (shared + own).map(resolved)
            func names(in place: String) -> Set<String> {
                Set(parameters.filter { $0["in"]?.text == place }.compactMap { $0["name"]?.text })
            }
            #expect(names(in: "query") == endpoint.parameters ?? [], "\(endpoint.method) \(endpoint.path)")
            let placeholders = endpoint.path.matches(of: /\{([a-z]+)\}/).map { String($0.1) }
            #expect(names(in: "path") == Set(placeholders), "\(endpoint.method) \(endpoint.path)")
        }
    }

    /// Kubernetes defines the bodies of its requests.
    @Test func everyOperationHasTheBodyOfItsEndpoint() throws {
        for endpoint in endpoints where !endpoint.path.hasPrefix("/kubernetes/") {
            let name = "\(endpoint.method) \(endpoint.path)"
            let body = try operation(of: endpoint)["requestBody"]
            guard let fields = endpoint.fields else {
                #expect(body == nil, "\(name)")
                continue
            }
            let schema = try #require(body?["content"]?["application/json"]?["schema"], "\(name)")
            let properties = try #require(try resolved(schema)["properties"]?.entries, "\(name)")
            #expect(Set(properties.map(\.key)) == Set(fields), "\(name)")
        }
    }

    /// Each operation has the errors that follow from its endpoint's declaration.
    @Test func everyOperationHasTheErrorsOfItsEndpoint() throws {
        for endpoint in endpoints {
            let name = "\(endpoint.method) \(endpoint.path)"
            let operation = try operation(of: endpoint)
            let responses = try #require(operation["responses"]?.entries, "\(name)")
            let statuses = Set(responses.map(\.key))
            func expect(_ expected: Set<String>, if isExpected: Bool) {
                #expect(statuses.intersection(expected) == (isExpected ? expected : []), "\(name)")
            }
            let isOpen = if case .everybody = endpoint.rule { true } else { false }
            expect(["401", "403"], if: !isOpen)
            expect(["413", "415"], if: operation["requestBody"] != nil)
            if endpoint.parameters != nil { expect(["400"], if: true) }
            if endpoint.path.contains("{") { expect(["404"], if: true) }
            if endpoint.method != .get, endpoint.parameters?.contains("wait") == true { expect(["202"], if: true) }
            guard endpoint.path.hasPrefix("/v1/") || endpoint.path.hasPrefix("/kubernetes/") else { continue }
            for (status, response) in [
                ("401", "Unauthenticated"), ("500", "CephError"), ("502", "CredentialsRefused"),
                ("503", "ServiceUnavailable"), ("504", "DeadlineExceeded"),
            ] {
                let reference = responses.first { $0.key == status }?.value["$ref"]?.text
                #expect(reference == "#/components/responses/\(response)", "\(name): \(status)")
            }
        }
    }
}
