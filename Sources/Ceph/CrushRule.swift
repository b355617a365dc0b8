// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// Over what the chunks of an erasure-coded pool are spread.
public struct CrushRule: Hashable, Sendable {
    /// No two chunks are in the same one, such as `osd` or `host`.
    public var failureDomain: String
    /// The part of the CRUSH map, and perhaps a device class: `default`, `default~ssd`.
    public var root: String
}

extension Cluster {
    /// The CRUSH rule with a name. Ceph gives a new erasure-coded pool the rule that has the pool's name, and keeps
    /// that rule when the pool is deleted.
    /// - Returns: nil if there is none, or if it does not choose a place for each chunk.
    /// - C function: rados_mon_command (`osd crush rule dump`)
    public func crushRule(named name: String) async throws -> CrushRule? {
        try await run(.listPools, on: .pool(name)) { rados throws(CephError) in
            do throws(CephError) {
                let rule: RuleAnswer = try rados.answer(
                    to: "osd crush rule dump",
                    with: ["name": .string(name)],
                    .listPools,
                    on: .pool(name)
                )
                return rule.rule
            } catch  where error.errno == ENOENT {
                return nil
            }
        }
    }

    /// The CRUSH rule that Ceph makes for a new pool with this erasure code.
    /// - Returns: nil if there is no such profile, or if its plugin makes rules of another kind.
    /// - C function: rados_mon_command (`osd erasure-code-profile get`)
    public func crushRule(for code: ErasureCode) async throws -> CrushRule? {
        switch code {
        case .chunks(_, _, let failureDomain):
            return CrushRule(failureDomain: failureDomain ?? ErasureCodeProfile.defaultFailureDomain, root: "default")
        case .profile(let name):
            return try await run(.listPools, on: .cluster) { rados throws(CephError) in
                try rados.erasureCodeProfile(named: name, .listPools, on: .cluster)?.rule
            }
        }
    }
}

extension RadosHandle {
    /// - Returns: nil if there is no profile of that name.
    func erasureCodeProfile(
        named name: String,
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) -> ErasureCodeProfile? {
        do throws(CephError) {
            let arguments: [String: MonitorValue] = ["name": .string(name)]
            let profile: ErasureCodeProfile = try answer(
                to: "osd erasure-code-profile get",
                with: arguments,
                operation,
                on: resource
            )
            return profile
        } catch  where error.errno == ENOENT {
            return nil
        }
    }
}

/// The parts of a monitor's answer about a profile that are needed.
struct ErasureCodeProfile: Decodable {
    static let defaultFailureDomain = "host"

    var k: String?
    var m: String?
    var plugin: String?
    var failureDomain: String?
    var root: String?
    var deviceClass: String?

    private enum CodingKeys: String, CodingKey {
        case k, m, plugin
        case failureDomain = "crush-failure-domain"
        case root = "crush-root"
        case deviceClass = "crush-device-class"
    }

    /// Nil for plugins that make rules of several steps.
    var rule: CrushRule? {
        guard ["jerasure", "isa", "shec", "clay"].contains(plugin) else { return nil }
        let root = root ?? "default"
        return CrushRule(
            failureDomain: failureDomain ?? Self.defaultFailureDomain,
            root: deviceClass.map { $0.isEmpty ? root : "\(root)~\($0)" } ?? root
        )
    }
}

/// The parts of a monitor's answer about a rule that are needed.
private struct RuleAnswer: Decodable {
    struct Step: Decodable {
        var op: String
        var type: String?
        var item: String?

        private enum CodingKeys: String, CodingKey {
            case op, type
            case item = "item_name"
        }
    }

    var steps: [Step]

    var rule: CrushRule? {
        guard let root = steps.first(where: { $0.op == "take" })?.item,
            let failureDomain = steps.last(where: { $0.op.hasPrefix("choose") })?.type
        else { return nil }
        return CrushRule(failureDomain: failureDomain, root: root)
    }
}
