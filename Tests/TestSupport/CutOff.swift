// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Programs that end or stop right before one of their changes to RBD's objects. `Tests/CutOff` is preloaded into them.
public enum CutOff {
    /// What happens to the program.
    public enum Ending: Int32, Sendable {
        case killed = 9
        /// The program stops until it gets SIGCONT.
        case stopped = 19
    }

    /// The environment of a program to cut off.
    /// - Parameter change: the number of the first change that is not made, counted from 1.
    public static func environment(at change: Int, _ ending: Ending = .killed) -> [String: String] {
        ProcessInfo.processInfo.environment.merging([
            "LD_PRELOAD": Subprocess.built("libCutOff.so"), "CUT_OFF_AT": "\(change)",
            "CUT_OFF_SIGNAL": "\(ending.rawValue)",
        ]) { $1 }
    }

    /// The environment of a program whose clock is ahead.
    public static func environment(ahead duration: Duration) -> [String: String] {
        ProcessInfo.processInfo.environment.merging([
            "LD_PRELOAD": Subprocess.built("libCutOff.so"), "CLOCK_AHEAD": "\(duration.components.seconds)",
        ]) { $1 }
    }

    /// Runs the `rbd` with the librbd of this process. The preloaded library was built for it, and the tools of another
    /// release may be in another Debian.
    /// - Returns: false if the program ended before that change.
    public static func rbd(at change: Int, _ arguments: [String]) async throws -> Bool {
        let result = try await Subprocess.run(
            "/usr/bin/rbd",
            ["--conf", TestCluster.configFile] + arguments,
            environment: environment(at: change)
        )
        guard result.status == 0 || result.status == Ending.killed.rawValue else {
            throw TestCluster.Failure(description: "rbd \(arguments): \(result.status) \(result.standardError)")
        }
        return result.status != 0
    }
}

extension TestCluster {
    /// Accounts for every object of a pool, with a program that shares no code with the service.
    /// - Returns: one line for each finding.
    public static func audit(_ pool: String) async throws -> [String] {
        let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Chaos/accounting.py").path
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        let result = try await Subprocess.run(
            "/usr/bin/python3",
            [program, "--conf", configFile, "--pool", pool],
            environment: environment
        )
        guard result.status == 0 || !result.standardOutput.isEmpty else {
            throw Failure(description: "accounting.py: \(result.standardError)")
        }
        return result.standardOutput.split(separator: "\n").map(String.init)
    }
}
