// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// The part of the cluster that a call depends on. Parts fail independently: a pool whose OSDs are down does not answer
/// while all others do, and a cluster without its monitors still serves the pools that are known.
public enum CallScope: Hashable, Sendable {
    case monitors
    case pool(String)

    init(_ operation: CephError.Operation, on resource: CephError.Resource) {
        switch operation {
        // Opening a pool asks the monitors only if the client does not know the pool yet.
        case .configure, .connect, .readStatus, .listPools, .openPool, .createPool, .initializePool, .changePool,
            .deletePool, .evictClient, .shutOutClient:
            self = .monitors
        default:
            self = resource.pool.map(CallScope.pool) ?? .monitors
        }
    }
}

extension CallScope: CustomStringConvertible {
    public var description: String {
        switch self {
        case .monitors: "the monitors"
        case .pool(let pool): "pool \"\(pool)\""
        }
    }
}

extension CephError.Resource {
    /// The pool or namespace that this scope is, or is in.
    public var place: Place? {
        switch self {
        case .cluster: nil
        case .pool(let pool): Place(pool: pool)
        case .namespace(let place): place
        case .image(let spec): spec.place
        case .snapshot(let spec): spec.image.place
        case .group(let spec): spec.place
        case .groupSnapshot(let spec): spec.group.place
        }
    }

    /// The pool that this scope is, or is in.
    public var pool: String? { place?.pool }

    /// The image, or the image of the snapshot.
    public var image: ImageSpec? {
        switch self {
        case .cluster, .pool, .namespace, .group, .groupSnapshot: nil
        case .image(let spec): spec
        case .snapshot(let spec): spec.image
        }
    }
}
