// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Gives the services access to images, and lets them change an image exclusively, across all replicas.
///
/// Every change claims its image first (``Claims``). Before that, the changes of this process queue up in the order of
/// their requests.
struct ImageAccess: Sendable {
    let connection: ClusterConnection
    let claims: Claims
    let store: OperationStore
    /// The maximum size of an image; nil for no maximum.
    var largestImage: ByteCount?

    /// - Throws: `Problem` with `invalid-size`.
    func requireAllowed(_ bytes: UInt64?) throws(Problem) {
        guard let largestImage, let bytes, bytes > largestImage.bytes else { return }
        throw Problem(
            .invalidSize,
            "size",
            "the maximum size of an image is \(largestImage)",
            hint: "choose a smaller size; the service's operator can raise the setting largest-image"
        )
    }

    /// - Throws: `CephError` with `.clusterUnreachable` while there is no connection.
    func pool(_ place: Place) throws -> Ceph.Pool {
        try cluster().pool(place)
    }

    /// A change goes through the connection that its claim was made with. If other replicas take the claim over, they
    /// shut out exactly this connection.
    private func cluster() throws -> Cluster {
        if let session = HeldClaim.session { return session.cluster }
        return try connection.cluster()
    }

    private func session() throws -> ClaimSession {
        if let session = HeldClaim.session { return session }
        return try claims.session()
    }

    // MARK: Changes

    /// Creates an image under a claimed name.
    /// - Parameters:
    ///   - names: the names to claim. The image's own name comes first.
    ///   - dataPool: the data pool, if there is one. If it is full, the error names it.
    func making<Value: Sendable>(
        _ names: [String],
        in place: Place,
        for purpose: ClaimPurpose = .createImage,
        dataPool: String? = nil,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await queued(names, in: place, .createImage, dataPool: dataPool) { session in
            try await claimed(
                [],
                names.map { RawName($0) },
                in: place,
                for: purpose,
                .image(place.image(names[0])),
                session,
                body
            )
        }
    }

    /// Changes an existing image, claimed by its id and its name.
    /// - Parameters:
    ///   - others: the new names of the image.
    ///   - isQuiet: whether the image must have no unfinished operation.
    ///   - isDryRun: whether the body only plans. Then nothing is claimed, and unfinished operations are ignored.
    ///   - body: makes the change. Its argument is the current image.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageIncomplete`; `Problem` with `change-in-progress`,
    ///   `operation-in-progress`; any error of the body.
    func changing<Value: Sendable>(
        _ name: String,
        and others: [String] = [],
        in place: Place,
        for purpose: ClaimPurpose = .changeImage,
        _ operation: CephError.Operation = .changeImage,
        isQuiet: Bool = false,
        isDryRun: Bool = false,
        _ body: (ImageInfo) async throws -> Value
    ) async throws -> Value {
        if isDryRun { return try await body(try await pool(place).image(named: name)) }
        return try await queued([name] + others, in: place, operation) { session in
            let pool = session.cluster.pool(place)
            // Before the claim, the image may be renamed, and another image may get this name.
            for _ in 0..<3 {
                let id = try await pool.imageID(named: name)
                let outcome = try await claimed(
                    id.isEmpty ? [] : [id],
                    ([name] + others).map { RawName($0) },
                    in: place,
                    for: purpose,
                    .image(place.image(name)),
                    session,
                    isQuiet: isQuiet
                ) { () async throws -> Value? in
                    let image = try await pool.image(named: name)
                    return image.id == id ? try await body(image) : nil
                }
                if let outcome { return outcome }
            }
            throw CephError(.imageChanged, operation, on: .image(place.image(name)))
        }
    }

    /// Changes an image by its id. The id is claimed, and the current and new names.
    func changing<Value: Sendable>(
        imageID id: String,
        and names: [RawName] = [],
        in place: Place,
        for purpose: ClaimPurpose,
        _ operation: CephError.Operation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await queued(names.map(\.text), in: place, operation) { session in
            try await claimed([id], names, in: place, for: purpose, .imageID(id, place), session, isQuiet: true, body)
        }
    }

    /// Claims a name, whatever has it, to delete or to repair that.
    func holding<Value: Sendable>(
        _ name: String,
        in place: Place,
        for purpose: ClaimPurpose,
        _ operation: CephError.Operation,
        _ body: (ImageStanding) async throws -> Value
    ) async throws -> Value {
        try await queued([name], in: place, operation) { session in
            let pool = session.cluster.pool(place)
            for _ in 0..<3 {
                let before = try await pool.standing(of: RawName(name))
                let ids = Set([before.image?.id, before.nameObject?.id].compactMap(\.self))
                let outcome = try await claimed(
                    ids.sorted(),
                    [RawName(name)],
                    in: place,
                    for: purpose,
                    .image(place.image(name)),
                    session
                ) { () async throws -> Value? in
                    let standing = try await pool.standing(of: RawName(name))
                    let now = Set([standing.image?.id, standing.nameObject?.id].compactMap(\.self))
                    return now.isSubset(of: ids) ? try await body(standing) : nil
                }
                if let outcome { return outcome }
            }
            throw CephError(.imageChanged, operation, on: .image(place.image(name)))
        }
    }

    /// Changes a group, claimed by its name.
    /// - Parameters:
    ///   - newName: the new name of the group.
    ///   - isDryRun: whether the body only plans. Then nothing is claimed.
    func changing<Value: Sendable>(
        _ group: GroupSpec,
        and newName: String? = nil,
        _ operation: CephError.Operation,
        isDryRun: Bool,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard !isDryRun else { return try await body() }
        let (place, name) = (group.place, group.name)
        return try await PoolFullness.telling(try pool(place)) {
            let session = try session()
            let key = [place.pool, place.namespace, name, "group"].joined(separator: "\0")
            return try await session.locks.withLock(key, on: .group(group), operation) {
                try await held(
                    Set([name, newName ?? name]).sorted().map { .group($0, namespace: place.namespace) },
                    in: place.pool,
                    for: .changeGroup,
                    .group(group),
                    session,
                    body
                )
            }
        }
    }

    /// Changes images, claimed by their ids.
    func changing<Value: Sendable>(
        all images: [Ceph.GroupImage],
        isDryRun: Bool,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard !isDryRun else { return try await body() }
        // Pool by pool, in the same order in every process.
        let pools = Dictionary(grouping: Set(images), by: \.poolID).sorted { $0.key < $1.key }
        let batches = pools.flatMap { Claims.batches($0.value.sorted { $0.id < $1.id }) }
        return try await changing(rest: batches[...], try session(), body)
    }

    private func changing<Value: Sendable>(
        rest: ArraySlice<[Ceph.GroupImage]>,
        _ session: ClaimSession,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard let images = rest.first, let first = images.first else { return try await body() }
        return try await held(
            images.map { .image(id: $0.id, namespace: $0.namespace) },
            in: first.pool,
            for: .changeGroup,
            .images(images),
            session
        ) { try await changing(rest: rest.dropFirst(), session, body) }
    }

    // MARK: Parts

    /// The subject of error messages.
    private enum Subject {
        case image(ImageSpec), imageID(String, Place), group(GroupSpec), images([Ceph.GroupImage])
    }

    /// Waits for the changes of this process that use one of the names. If a pool is full, the error gives its numbers.
    private func queued<Value: Sendable>(
        _ names: [String],
        in place: Place,
        _ operation: CephError.Operation,
        dataPool: String? = nil,
        _ body: (ClaimSession) async throws -> Value
    ) async throws -> Value {
        try await PoolFullness.telling(try pool(place), dataPool: dataPool) {
            let session = try session()
            return try await locked(Set(names).sorted()[...], in: place, operation, session) { try await body(session) }
        }
    }

    /// Locks the names in sorted order, so that two requests that swap names can't block each other.
    private func locked<Value: Sendable>(
        _ names: ArraySlice<String>,
        in place: Place,
        _ operation: CephError.Operation,
        _ session: ClaimSession,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard let name = names.first else { return try await body() }
        // No part can contain a zero byte: such requests are refused.
        let key = [place.pool, place.namespace, name].joined(separator: "\0")
        return try await session.locks.withLock(key, on: .image(place.image(name)), operation) {
            try await locked(names.dropFirst(), in: place, operation, session, body)
        }
    }

    private func claimed<Value: Sendable>(
        _ ids: [String],
        _ names: [RawName],
        in place: Place,
        for purpose: ClaimPurpose,
        _ subject: Subject,
        _ session: ClaimSession,
        isQuiet: Bool = false,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let subjects =
            ids.map { ClaimSubject.image(id: $0, namespace: place.namespace) }
            + Set(names).map { .name($0, namespace: place.namespace) }.sorted { $0.key < $1.key }
        let absent = isQuiet ? ids.map { OperationRecord.claim(onImage: $0, namespace: place.namespace) } : []
        return try await held(subjects, in: place.pool, for: purpose, subject, session, unless: absent, body)
    }

    private func held<Value: Sendable>(
        _ subjects: [ClaimSubject],
        in pool: String,
        for purpose: ClaimPurpose,
        _ subject: Subject,
        _ session: ClaimSession,
        unless absent: [String] = [],
        _ body: () async throws -> Value
    ) async throws -> Value {
        let claim: HeldClaim
        do {
            claim = try await claims.take(subjects, for: purpose, in: pool, session, unless: absent)
        } catch let conflict as Claims.Conflict {
            throw try await problem(conflict, subject)
        }
        return try await HeldClaim.$session.withValue(session) {
            try await Hold.$current.withValue(claim) { try await body() }
        }
    }

    /// The problem that names the other change, and says how it ends.
    private func problem(_ conflict: Claims.Conflict, _ subject: Subject) async throws -> Problem {
        let (what, field): (String, String) =
            switch subject {
            case .image(let spec): ("image \"\(spec)\"", "image")
            case .imageID(let id, let place): ("image \"\(place.image("#\(id)"))\"", "id")
            case .group(let group): ("group \"\(group)\"", "group")
            case .images: ("an image of the group", "group")
            }
        // The operation may be in another pool.
        if let id = conflict.operation, let operation = try await store.any(id) {
            return OperationStore.inProgress(operation, what, field: field)
        }
        let doing = conflict.holder?.purpose.text ?? "being changed"
        let seconds = max(1, conflict.patience.components.seconds)
        return Problem(
            .changeInProgress,
            detail: "\(what) is \(doing) by another request, possibly on another replica",
            field: field,
            hint: "try again; if that replica has died, another one takes over in about \(seconds) s"
        )
    }

    /// Makes a change. If the image is busy, the error names the clients that use it.
    func reportingUsers<Value: Sendable>(
        of name: String,
        in place: Place,
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as CephError where error.code == .imageBusy {
            guard let use = try? await pool(place).use(ofImage: name) else { throw error }
            throw Problem(changing: place.image(name), use) ?? Problem(error)
        }
    }
}
