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

    @OptionGroup var settings: SettingOptions

    static let configEnvironmentName = "RBD_REST_API_CONFIG"

    func run() async throws {
        Allocation.giveBackEarly()
        let configuration: ServiceConfiguration
        do {
            let environment = Self.environment
            let file = config ?? environment[Self.configEnvironmentName].flatMap { $0.isEmpty ? nil : $0 }
            let values = try SettingValues(commandLine: settings.values, environment: environment, file: file)
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
