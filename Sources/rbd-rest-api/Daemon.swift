// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Ceph
import CoreMetrics
import Glibc
import Logging
import RBDAPI
import RBDService

@main
struct Daemon: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbd-rest-api",
        abstract: "Provisions Ceph block storage over HTTP.",
        discussion: """
            A setting is taken from the command line, then from its environment variable, then from the configuration \
            file. If none of them has it, the default applies. The file is YAML or JSON: one mapping from the names \
            below, without dashes, to values. SIGTERM and SIGINT stop the service after it has answered the requests \
            in flight.
            """,
        version: programVersion,
        subcommands: [TokenCommand.self]
    )

    @Option(
        name: .long,
        help: ArgumentHelp("A configuration file, YAML or JSON. [env: \(configEnvironmentName)]", valueName: "FILE")
    )
    var config: String?

    @Flag(help: "Print the settings in force and the origin of each, as a configuration file, and exit.")
    var printConfig = false

    @Option(.host) var host: String?
    @Option(.port) var port: String?
    @Option(.healthPort) var healthPort: String?
    @Option(.unixSocket) var unixSocket: String?
    @Option(.unixSocketMode) var unixSocketMode: String?
    @Option(.unixSocketGroup) var unixSocketGroup: String?
    @Option(.tokenFile) var tokenFile: String?
    @Option(.allowAnonymous) var allowAnonymous: String?
    @Option(.corsAllowedOrigins) var corsAllowedOrigins: String?
    @Option(.tlsCertificate) var tlsCertificate: String?
    @Option(.tlsKey) var tlsKey: String?
    @Option(.tlsClientCA) var tlsClientCA: String?
    @Option(.webhookHost) var webhookHost: String?
    @Option(.webhookPort) var webhookPort: String?
    @Option(.webhookCertificate) var webhookTLSCertificate: String?
    @Option(.webhookKey) var webhookTLSKey: String?
    @Option(.webhookClientCA) var webhookTLSClientCA: String?
    @Option(.kubernetesDrivers) var kubernetesDrivers: String?
    @Option(.kubernetesPools) var kubernetesPools: String?
    @Option(.kubernetesClusterIDs) var kubernetesClusterIDs: String?
    @Option(.kubernetesOptIn) var kubernetesOptIn: String?
    @Option(.cephConf) var cephConf: String?
    @Option(.cephUser) var cephUser: String?
    @Option(.cephKeyring) var cephKeyring: String?
    @Option(.cephArgs) var cephArgs: String?
    @Option(.connectTimeout) var cephConnectTimeout: String?
    @Option(.monitorTimeout) var cephMonTimeout: String?
    @Option(.osdTimeout) var cephOSDTimeout: String?
    @Option(.requestTimeout) var requestTimeout: String?
    @Option(.probeInterval) var probeInterval: String?
    @Option(.shutdownDelay) var shutdownDelay: String?
    @Option(.shutdownTimeout) var shutdownTimeout: String?
    @Option(.callThreads) var callThreads: String?
    @Option(.callQueue) var callQueue: String?
    @Option(.spareThreads) var callSpareThreads: String?
    @Option(.maximumConnections) var maxConnections: String?
    @Option(.connectionsPerAddress) var connectionsPerAddress: String?
    @Option(.memoryLimit) var memoryLimit: String?
    @Option(.largestImage) var largestImage: String?
    @Option(.largestPage) var largestPage: String?
    @Option(.idleTimeout) var idleTimeout: String?
    @Option(.headerTimeout) var headerTimeout: String?
    @Option(.bodyTimeout) var bodyTimeout: String?
    @Option(.maximumBodyBytes) var maxBodyBytes: String?
    @Option(.trashDelay) var trashDelay: String?
    @Option(.operationConcurrency) var operationConcurrency: String?
    @Option(.operationsPerIdentity) var operationsPerIdentity: String?
    @Option(.operationLease) var operationLease: String?
    @Option(.operationRetention) var operationRetention: String?
    @Option(.auditLog) var auditLog: String?
    @Option(.auditRequired) var auditRequired: String?
    @Option(.logLevel) var logLevel: String?
    @Option(.logFormat) var logFormat: String?

    static let configEnvironmentName = "RBD_REST_API_CONFIG"

    /// The settings from the command line, by name.
    var commandLine: [String: String] {
        let values: [(Setting, String?)] = [
            (.host, host), (.port, port), (.healthPort, healthPort),
            (.unixSocket, unixSocket), (.unixSocketMode, unixSocketMode),
            (.unixSocketGroup, unixSocketGroup), (.tokenFile, tokenFile), (.allowAnonymous, allowAnonymous),
            (.corsAllowedOrigins, corsAllowedOrigins), (.tlsCertificate, tlsCertificate), (.tlsKey, tlsKey),
            (.tlsClientCA, tlsClientCA),
            (.webhookHost, webhookHost), (.webhookPort, webhookPort), (.webhookCertificate, webhookTLSCertificate),
            (.webhookKey, webhookTLSKey), (.webhookClientCA, webhookTLSClientCA),
            (.kubernetesDrivers, kubernetesDrivers), (.kubernetesPools, kubernetesPools),
            (.kubernetesClusterIDs, kubernetesClusterIDs), (.kubernetesOptIn, kubernetesOptIn),
            (.cephConf, cephConf), (.cephUser, cephUser),
            (.cephKeyring, cephKeyring),
            (.cephArgs, cephArgs), (.connectTimeout, cephConnectTimeout), (.monitorTimeout, cephMonTimeout),
            (.osdTimeout, cephOSDTimeout), (.requestTimeout, requestTimeout), (.probeInterval, probeInterval),
            (.shutdownDelay, shutdownDelay), (.shutdownTimeout, shutdownTimeout), (.callThreads, callThreads),
            (.callQueue, callQueue),
            (.spareThreads, callSpareThreads), (.maximumConnections, maxConnections),
            (.connectionsPerAddress, connectionsPerAddress), (.memoryLimit, memoryLimit),
            (.largestImage, largestImage), (.largestPage, largestPage), (.idleTimeout, idleTimeout),
            (.headerTimeout, headerTimeout), (.bodyTimeout, bodyTimeout),
            (.maximumBodyBytes, maxBodyBytes), (.trashDelay, trashDelay),
            (.operationConcurrency, operationConcurrency), (.operationsPerIdentity, operationsPerIdentity),
            (.operationLease, operationLease),
            (.operationRetention, operationRetention), (.auditLog, auditLog), (.auditRequired, auditRequired),
            (.logLevel, logLevel),
            (.logFormat, logFormat),
        ]
        return values.reduce(into: [:]) { result, value in result[value.0.name] = value.1 }
    }

    func run() async throws {
        Allocation.giveBackEarly()
        let configuration: ServiceConfiguration
        do {
            let environment = Self.environment
            let file = config ?? environment[Self.configEnvironmentName].flatMap { $0.isEmpty ? nil : $0 }
            let values = try SettingValues(commandLine: commandLine, environment: environment, file: file)
            configuration = try ServiceConfiguration(values)
            if printConfig {
                print(values.report)
                return
            }
            // Waiting for the cluster does not help against a configuration that Ceph can't read.
            try Cluster.validate(configuration.cluster)
        } catch {
            Self.complain("\(error)")
            throw ExitCode(EX_CONFIG)
        }

        let (level, format) = (configuration.logLevel, configuration.logFormat)
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, level: level) }
        // Metrics of libraries are shown, too.
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        let service: RBDService
        do {
            service = try RBDService(
                configuration: configuration,
                logger: Logger(label: "rbd-rest-api"),
                metrics: metrics
            )
        } catch {
            Self.complain("\(error)")
            throw ExitCode(EX_CONFIG)
        }
        do {
            try await service.run { door, url in
                // Scripts that use port 0 read the URL here. Without the flush, a pipe would hold it back.
                print("rbd-rest-api \(door == .api ? "" : "\(door) ")listening on \(url)")
                fflush(nil)
            }
        } catch let error as ListenError {
            Self.complain("\(error); choose another with \(error.settings)")
            // _exit skips exit handlers: librados' threads may still be connecting, and would crash in them.
            _exit(EXIT_FAILURE)
        }
        // Everything is answered. If the cluster does not answer, end without closing the connections.
        if await !Cluster.finishClosing(within: .seconds(5)) { _exit(EXIT_SUCCESS) }
    }

    private static func complain(_ sentence: String) {
        writeError("rbd-rest-api: \(sentence)\n")
    }

    static func writeError(_ text: String) {
        _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }

    private static var environment: [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return result
    }
}

extension Option where Value == String? {
    /// A command-line option for a setting, with its help, environment variable and default.
    fileprivate init(_ setting: Setting) {
        let origin = ["env: \(setting.environmentName)"] + (setting.defaultValue.map { ["default: \($0)"] } ?? [])
        self.init(
            name: .customLong(setting.name),
            // A value may begin with dashes, as in --ceph-args "--mon-host …".
            parsing: .unconditional,
            help: ArgumentHelp("\(setting.help) [\(origin.joined(separator: ", "))]", valueName: setting.valueName)
        )
    }
}
