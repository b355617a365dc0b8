// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Which images of a namespace are mirrored to another cluster.
public struct NamespaceMirroring: Hashable, Sendable {
    public enum Mode: UInt32, Hashable, Sendable {
        case disabled = 0
        /// The images that mirroring is enabled for, one by one.
        case image = 1
        /// All images that have a journal.
        case pool = 2
        /// A mode of pools in Ceph 20 and later: only the settings of the namespaces apply.
        case initOnly = 3
    }

    /// Nil for a mode that is not known here.
    public var mode: Mode?
    /// The namespace of the other cluster that holds the copies. Nil if it has the same name, which is always the case
    /// before Ceph 20.
    public var remoteNamespace: String?

    public static let disabled = NamespaceMirroring(mode: .disabled)
}

extension Pool {
    /// How this place, a namespace or the pool's default namespace, is mirrored. It is read from the OSDs, because
    /// librbd only knows the modes of its own release.
    /// - Returns: for a namespace that does not exist, that it is not mirrored.
    /// - C function: rados_read_op_operate (`mirror_mode_get`, `mirror_remote_namespace_get` of `rbd_mirroring`)
    public func namespaceMirroring() async throws -> NamespaceMirroring {
        try await withContext(.findNamespace, on: resource) { context throws(CephError) in
            let read = CompoundRead(calling: "mirror_mode_get")
            read.operate(on: Self.mirroringObject, in: context)
            guard try read.isFound(.findNamespace, on: resource) else { return .disabled }
            var reader = read.output
            let mode = reader?.integer(UInt32.self).flatMap { NamespaceMirroring.Mode(rawValue: $0) }
            if mode == .disabled { return .disabled }
            return NamespaceMirroring(mode: mode, remoteNamespace: try Self.remoteNamespace(of: context, on: resource))
        }
    }

    private static let mirroringObject = "rbd_mirroring"

    /// - Returns: nil if no other name was set.
    private static func remoteNamespace(
        of context: borrowing IOContext,
        on resource: CephError.Resource
    ) throws(CephError) -> String? {
        // Read separately from the mode: OSDs of releases before 20 do not know the method, and refuse the whole
        // operation.
        let read = CompoundRead(calling: "mirror_remote_namespace_get")
        if read.operate(on: mirroringObject, in: context) == -EOPNOTSUPP { return nil }
        guard try read.isFound(.findNamespace, on: resource) else { return nil }
        var reader = read.output
        let name = reader?.string()
        return name == context.namespace ? nil : name
    }
}
