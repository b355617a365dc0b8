// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Logging
import TestSupport
import Testing

@testable import RBDService

struct ConfigurationTests {
    private func values(
        commandLine: [String: String] = [:],
        environment: [String: String] = [:],
        file: String? = nil
    ) throws -> SettingValues {
        guard let file else {
            return try SettingValues(commandLine: commandLine, environment: environment, file: nil)
        }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
        try file.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try SettingValues(commandLine: commandLine, environment: environment, file: path)
    }

    @Test func theCloserSourceWins() throws {
        let environment = ["RBD_REST_API_PORT": "2", "RBD_REST_API_HOST": "::1"]
        let file = "port: 3\nhost: 0.0.0.0\nceph-user: kube\n"
        let values = try values(commandLine: ["port": "1"], environment: environment, file: file)
        let configuration = try ServiceConfiguration(values)
        #expect(configuration.port == 1)
        #expect(configuration.host == "::1")
        #expect(configuration.cluster.user == "kube")
        #expect(configuration.calls.threads == 16)
        let report = values.report
        #expect(report.contains("port: 1  # command line"))
        #expect(report.contains("host: '::1'  # environment RBD_REST_API_HOST"))
        #expect(report.contains(#/ceph-user: kube  # .*\.yaml/#))
        #expect(report.contains("call-threads: 16  # default"))
        #expect(report.contains("# ceph-conf: unset"))
    }

    @Test func theReportIsAConfigurationFile() throws {
        let first = try values(commandLine: ["ceph-args": "--mon-host 'a' #1", "port": "0"])
        let second = try values(file: first.report)
        let configuration = try ServiceConfiguration(second)
        #expect(configuration.cluster.arguments == ["--mon-host", "'a'", "#1"])
        #expect(configuration.port == 0)
    }

    @Test func jsonIsReadToo() throws {
        let configuration = try ServiceConfiguration(
            values(file: #"{"port": 9, "log-level": "debug", "ceph-user": null}"#)
        )
        #expect(configuration.port == 9)
        #expect(configuration.logLevel == .debug)
        #expect(configuration.cluster.user == nil)
    }

    @Test(
        arguments: [
            (["port": "http"], "port (command line): \"http\" is not a whole number from 0 to 65535"),
            (["port": "65536"], "port (command line)"),
            (["request-timeout": "0"], "request-timeout (command line)"),
            (["log-format": "xml"], "log-format (command line): \"xml\" is not one of json, text"),
            (["log-level": "loud"], "log-level (command line): \"loud\" is not one of trace"),
            (["host": ""], "host (command line): it must not be empty"),
            (["trash-delay": "1w"], "trash-delay (command line): \"1w\" is not whole seconds"),
            (["memory-limit": "1MiB"], "memory-limit (command line): \"1MiB\" is neither auto nor a size"),
            (["largest-image": "10GB"], "largest-image (command line): the unit \"GB\" is ambiguous"),
            // Settings are checked even if no other setting makes use of them.
            (["unix-socket-mode": "888"], "unix-socket-mode (command line): \"888\" is not an octal mode"),
            (["webhook-port": ""], "webhook-port (command line): it must not be empty"),
        ] as [([String: String], String)]
    )
    func badValuesNameTheSettingAndItsSource(commandLine: [String: String], message: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ServiceConfiguration(values(commandLine: commandLine))
        }
        #expect(error?.description.contains(message) == true)
    }

    @Test(
        arguments: [
            ("prot: 1", "line 1: there is no setting \"prot\""),
            ("port: 1\nport: 2", "line 2"),
            ("port: [1]", "line 1: port takes a single value"),
            ("- port", "must be a mapping of settings"),
            ("port: 'x", "line"),
        ]
    )
    func badFilesNameTheLine(file: String, message: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try values(file: file) }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test func aMissingFileIsNamed() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try SettingValues(commandLine: [:], environment: [:], file: "/nonexistent.yaml")
        }
        #expect(error?.description == "the configuration file \"/nonexistent.yaml\" can't be read")
    }

    @Test(
        arguments: [
            (["webhook-tls-certificate": "a"], "webhook-tls-key"),
            (["webhook-tls-key": "a"], "webhook-tls-certificate"),
            (["webhook-tls-client-ca": "a"], "there is no webhook"),
            (["webhook-tls-certificate": "a", "webhook-tls-key": "b"], "kubernetes-pools"),
            (["kubernetes-pools": "rbd,*"], "write * alone"),
            (["kubernetes-cluster-ids": "a/"], "neither ID nor ID/NAMESPACE"),
            (["kubernetes-cluster-ids": "a/b/c"], "neither"), (["kubernetes-cluster-ids": "a,a/b"], "given twice"),
            (["kubernetes-opt-in": "maybe"], "kubernetes-opt-in"), (["kubernetes-quiet": "maybe"], "kubernetes-quiet"),
            (["kubernetes-drivers": "a,*"], "the end of names"), (["kubernetes-drivers": "*a"], "the end of names"),
            (["kubernetes-drivers": "a.*"], "the end of names"),
        ] as [([String: String], String)]
    )
    func settingsOfVolumesThatCannotBeAreNamed(settings: [String: String], sentence: String) throws {
        let values = try SettingValues(
            commandLine: ["audit-log": "off"].merging(settings) { $1 },
            environment: [:],
            file: nil
        )
        let error = #expect(throws: ConfigurationError.self) { try ServiceConfiguration(values) }
        #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "")")
    }

    @Test func settingsOfVolumesAreLists() throws {
        let values = try SettingValues(
            commandLine: [
                "audit-log": "off", "kubernetes-pools": "kube, fast", "kubernetes-drivers": "a,*.b",
                "kubernetes-cluster-ids": "one,two/team",
            ],
            environment: [:],
            file: nil
        )
        let rules = try ServiceConfiguration(values).volumes
        #expect(rules.pools == ["kube", "fast"])
        #expect(rules.drivers == ["a", "*.b"])
        #expect(rules.clusters == ["one": "", "two": "team"])
    }

    @Test func kubernetesServiceLinksAreNotSettings() throws {
        let environment = [
            "RBD_REST_API_PORT": "tcp://10.96.0.7:8080", "RBD_REST_API_SERVICE_HOST": "10.96.0.7",
            "RBD_REST_API_HEALTH_PORT": "tcp://10.96.0.8:80", "RBD_REST_API_WEBHOOK_PORT": "tcp://10.96.0.9:443",
        ]
        let values = try values(environment: environment)
        #expect(try ServiceConfiguration(values).port == 8080)
        #expect(values.report.contains("# health-port: unset"))
        #expect(values.report.contains("webhook-port: 8443  # default"))
    }

    @Test func anEmptyTextUnsetsWhatTheNextSourceHas() throws {
        let values = try values(
            environment: ["RBD_REST_API_CEPH_USER": "", "RBD_REST_API_KUBERNETES_DRIVERS": ""],
            file: "ceph-user: kube\n"
        )
        let configuration = try ServiceConfiguration(values)
        #expect(configuration.cluster.user == nil)
        #expect(configuration.volumes.drivers.isEmpty)
        #expect(values.report.contains("ceph-user: ''  # environment RBD_REST_API_CEPH_USER"))
    }

    /// The list of settings is a reflection, and their values are kept by their names.
    @Test func eachSettingIsInTheListUnderANameOfItsOwn() {
        #expect(Settings.all.count == Mirror(reflecting: Settings.declared).children.count)
        #expect(Settings.all.count > 50)
        #expect(Set(Settings.all.map(\.name)).count == Settings.all.count)
        #expect(Settings.all.first?.name == "host")
        #expect(Settings.all.last?.name == "log-format")
    }

    @Test func aConfigurationCanBeChanged() throws {
        var configuration = try ServiceConfiguration(values())
        #expect(configuration.operationsPerIdentity == nil)
        configuration.operationsPerIdentity = 3
        (configuration.tokenFile, configuration.operationLease) = ("/tokens", .seconds(4))
        #expect(configuration.operationsPerIdentity == 3)
        #expect(configuration.tokenFile == "/tokens")
        #expect(configuration.operationLease == .seconds(4))
        configuration.tokenFile = nil
        #expect(configuration.tokenFile == nil)
        #expect(configuration.headerTimeout == .seconds(10))
    }
}

/// The reference pages say exactly what the code does.
struct ReferencePagesTests {
    @Test func theTableOfSettingsIsComplete() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/settings.md")
        let page = try String(contentsOf: file, encoding: .utf8)
        for setting in Settings.all {
            let value = setting.defaultValue.map { "`\($0)`" } ?? "unset"
            let row = "| `--\(setting.name)` | `\(setting.environmentName)` | \(value) | \(setting.help) |"
            #expect(page.contains(row), "\(row)")
        }
    }

    /// The environment file of systemd's unit has each setting with its default, or with an example if there is none.
    @Test func theEnvironmentFileIsComplete() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/systemd/rbd-rest-api.env")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        let values = lines.compactMap { $0.wholeMatch(of: /#(RBD_REST_API_[A-Z_]+)=(.+)/)?.output }
        #expect(values.map { String($0.1) }.sorted() == Settings.all.map(\.environmentName).sorted())
        let found = Dictionary(values.map { (String($0.1), String($0.2)) }) { first, _ in first }
        // The unit itself sets another value for this one.
        for setting in Settings.all where setting.name != Settings.declared.auditLog.name {
            guard let value = setting.defaultValue else { continue }
            #expect(found[setting.environmentName] == value, "\(setting.name)")
        }
        // systemd would read every line that is not a comment as a setting.
        #expect(lines.allSatisfy { $0.hasPrefix("#") })
    }

    @Test func theTableOfMetricsIsWhatIsShown() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/metrics.md")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
        let table = lines.filter { $0.hasPrefix("| `rbd_rest_api_") || $0.hasPrefix("| `process_") }
        let rows = Metric.all.map { metric in
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            return
                "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels.isEmpty ? "" : "\(labels) ")| \(metric.help) |"
        }
        #expect(table == rows)
        let service = try RBDService(
            configuration: try ServiceConfiguration(values()),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let shown = try Exposition(service.telemetry.exposition).types
        #expect(shown == Dictionary(uniqueKeysWithValues: Metric.all.map { ($0.name, $0.kind.rawValue) }))
    }

    private func values() throws -> SettingValues {
        try SettingValues(commandLine: [:], environment: [:], file: nil)
    }
}

struct CursorTests {
    @Test(arguments: [("vol-1", ""), ("vol-1", "10198409e360"), ("ü/@\n", "a"), ("?>~", "ÿ")])
    func goThereAndBack(name: String, id: String) throws {
        let text = Cursor(name: name, id: id).text
        #expect(text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
        #expect(Cursor(text) == Cursor(name: name, id: id))
    }

    @Test(arguments: ["", "A", "AAAA", "dm9sLTE", "%", "AA==", "\u{fc}"])
    func refuseWhatIsNone(text: String) {
        #expect(Cursor(text) == nil)
    }
}
