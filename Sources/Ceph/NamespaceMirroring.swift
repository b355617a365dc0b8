// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Which images of a namespace are mirrored to another cluster.
public struct NamespaceMirroring: Hashable, Sendable {
    public enum Mode: UInt32, Hashable, Sendable {
        case disabled = 0
        /// Those that it is enabled for, one by one.
        case image = 1
        /// All that have a journal.
        case pool = 2
        /// Only what its namespaces say: a pool's own mode, from Ceph 20 on.
        case initOnly = 3
    }

    /// Nil for one that we do not know.
    public var mode: Mode?
    /// The namespace of the other cluster that has the copies. Nil where it has the same name, as before Ceph 20 it always has.
    public var remoteNamespace: String?

    public static let disabled = NamespaceMirroring(mode: .disabled)
}

extension Pool {
    /// How this place, a namespace or the pool's default namespace, is mirrored. Asked of the OSDs, since librbd tells no more than its own
    /// release knows.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`. Of a namespace that does
    ///   not exist it is said that it is not mirrored.
    /// - C function: rados_read_op_operate (`mirror_mode_get`, `mirror_remote_namespace_get` of `rbd_mirroring`)
    public func namespaceMirroring() async throws -> NamespaceMirroring {
        try await withContext(.findNamespace, on: resource) { context throws(CephError) in
            let read = CompoundRead(capacity: 1)
            let answer = read.call("mirror_mode_get")
            let result = read.operate(on: Self.mirroringObject, in: context)
            if result == -ENOENT { return .disabled }
            try check(result, .findNamespace, on: resource)
            var reader = read.output(answer)
            let mode = reader?.integer(UInt32.self).flatMap { NamespaceMirroring.Mode(rawValue: $0) }
            if mode == .disabled { return .disabled }
            return NamespaceMirroring(mode: mode, remoteNamespace: try Self.remoteNamespace(of: context, on: resource))
        }
    }

    private static let mirroringObject = "rbd_mirroring"

    /// - Returns: nil where none of another name was set.
    private static func remoteNamespace(
        of context: borrowing IOContext,
        on resource: CephError.Resource
    ) throws(CephError) -> String? {
        // Apart from the mode: OSDs of releases before 20, which do not know the method, refuse all that is asked together with it.
        let read = CompoundRead(capacity: 1)
        let answer = read.call("mirror_remote_namespace_get")
        let result = read.operate(on: mirroringObject, in: context)
        if result == -EOPNOTSUPP || result == -ENOENT { return nil }
        try check(result, .findNamespace, on: resource)
        var reader = read.output(answer)
        let name = reader?.string()
        return name == context.namespace ? nil : name
    }
}
