// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import RBDAPI

@main
struct Rbdctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbdctl",
        abstract: "Provision Ceph RBD images through rbd-rest-api.",
        discussion: """
            Write images as Ceph does: pool/image, pool/namespace/image, or image for the pool rbd. Write their \
            snapshots with @ and a name: pool/image@snapshot. Results go to stdout, errors to stderr.

            Exit codes:
            \(ExitStatus.table)

            If several objects fail, the first failure determines the exit code.
            """,
        version: programVersion,
        subcommands: [
            ClusterCommand.self, PoolCommand.self, ImageCommand.self, SnapshotCommand.self, NamespaceCommand.self,
            TrashCommand.self, GroupCommand.self,
            OperationCommand.self, KubernetesCommand.self, ContextCommand.self,
            Explain.self,
        ]
    )

    /// Also here, so that `rbdctl --server URL pool list` works like `rbdctl pool list --server URL`.
    @OptionGroup var connection: ConnectionOptions

    /// The prefix that the argument parser puts before its own messages.
    static var _errorPrefix: String { "rbdctl: " }

    static func main() async {
        Console.holdStandardDescriptors()
        Console.ignoreBrokenPipes()
        do {
            try await run(CommandLine.arguments.dropFirst().map(\.self))
        } catch {
            Console.leave(report(error).rawValue)
        }
    }

    /// Parses a command line and runs the command.
    static func run(_ arguments: [String]) async throws {
        var command = try command(for: arguments)
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
    }

    /// - Throws: ``Failure`` for a command that does not exist; the argument parser's error otherwise.
    static func command(for arguments: [String]) throws -> any ParsableCommand {
        do {
            return try parseAsRoot(arguments)
        } catch {
            guard exitCode(for: error) == .validationFailure, let unknown = UnknownCommand(in: arguments) else {
                throw error
            }
            throw unknown.failure
        }
    }

    /// The output and status for an error. For the argument parser, a request for help is an error too.
    struct Ending: Equatable {
        var status: ExitStatus
        var output = ""
        var errors = ""
    }

    static func ending(of error: any Error) -> Ending {
        switch error {
        case is Console.ReaderGone: return Ending(status: .success)
        // These failures are already on the terminal.
        case let error as ReportedFailures: return Ending(status: error.status)
        case let failure as Failure: return Ending(status: failure.status, errors: failure.text())
        default:
            let message = fullMessage(for: error) + "\n"
            switch exitCode(for: error) {
            case .success: return Ending(status: .success, output: message)
            case .validationFailure: return Ending(status: .usage, errors: message)
            default: return Ending(status: .other, errors: message)
            }
        }
    }

    /// Prints an error.
    private static func report(_ error: any Error) -> ExitStatus {
        let ending = ending(of: error)
        Console.errors.report(ending.errors)
        do {
            try Console.output.write(ending.output)
        } catch {
            return report(error)
        }
        return ending.status
    }
}
