// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of namespaces.
struct NamespaceService: Sendable {
    let connection: ClusterConnection

    func list(in pool: String, _ request: PageRequest) async throws -> Page<Namespace> {
        let names = try await connection.cluster().pool(pool).namespaces().filter { name in
            Access.current.may(.read, someOf: .namespace(Place(pool: pool, namespace: name)))
        }
        return Page(names, request, by: \.self) { Namespace(pool: pool, name: $0, contents: nil, mirroring: nil) }
    }

    func get(_ name: String, in pool: String) async throws -> Namespace {
        let place = try connection.cluster().pool(pool, namespace: name)
        let contents = try await place.namespaceContents()
        return Namespace(
            pool: pool,
            name: name,
            contents: Namespace.Contents(images: contents.images, trash: contents.trash, groups: contents.groups),
            mirroring: Namespace.Mirroring(try await place.namespaceMirroring())
        )
    }

    func create(_ name: String, in pool: String, isDryRun: Bool) async throws -> Attempt<Namespace> {
        try ImageRules.checkName(name, field: "name", what: "namespace")
        let place = Place(pool: pool, namespace: name)
        try Access.current.require(.admin, .namespace(place))
        let parent = try connection.cluster().pool(pool)
        if isDryRun {
            if try await parent.namespaces().contains(name) {
                throw CephError(.namespaceExists, .createNamespace, on: .namespace(place))
            }
            try await PoolFullness(parent).requireRoom(for: .createNamespace, on: .namespace(place))
            return Attempt(Plan.Step(.createNamespace, "\(place)"))
        }
        try await PoolFullness.telling(parent) { try await parent.createNamespace(named: name) }
        return .done(
            Namespace(
                pool: pool,
                name: name,
                contents: Namespace.Contents(images: 0, trash: 0, groups: 0),
                mirroring: Namespace.Mirroring(try await connection.cluster().pool(place).namespaceMirroring())
            )
        )
    }

    /// Deletes a namespace that is empty.
    func delete(_ name: String, in pool: String, isDryRun: Bool) async throws -> Attempt<Void> {
        let place = Place(pool: pool, namespace: name)
        let namespace = try connection.cluster().pool(place)
        if isDryRun {
            let contents = try await namespace.namespaceContents()
            guard contents.isEmpty else {
                throw Self.notEmpty(CephError(.namespaceNotEmpty, .removeNamespace, on: .namespace(place)), contents)
            }
            try await PoolFullness(namespace).requireRoom(for: .removeNamespace, on: .namespace(place))
            return Attempt(Plan.Step(.deleteNamespace, "\(place)"))
        }
        do {
            try await PoolFullness.telling(namespace) { try await namespace.removeNamespace(named: name) }
        } catch let error as CephError where error.code == .namespaceNotEmpty {
            guard let contents = try? await namespace.namespaceContents() else { throw error }
            throw Self.notEmpty(error, contents)
        }
        return .done(())
    }

    private static func notEmpty(_ error: CephError, _ contents: NamespaceContents) -> Problem {
        var problem = Problem(error)
        let parts = [(contents.images, "image"), (contents.trash, "image"), (contents.groups, "group")].enumerated()
            .filter { $0.element.0 > 0 }
            .map { index, part in
                "\(part.0) \(part.1)\(part.0 == 1 ? "" : "s")\(index == 1 ? " in the trash" : "")"
            }
        problem.detail += ": it holds " + parts.joined(separator: ", ")
        return problem
    }
}

extension Namespace.Mirroring {
    init(_ mirroring: NamespaceMirroring) {
        let mode =
            switch mirroring.mode {
            case .disabled: "disabled"
            case .image: "image"
            case .pool: "pool"
            case .initOnly: "init-only"
            case nil: "unknown"
            }
        self.init(mode: mode, remoteNamespace: mirroring.remoteNamespace)
    }
}
