// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A pool, or a namespace of a pool, by the pool's number, because another pool may have had its name before.
struct NumberedPlace: Hashable {
    var poolID: Int64
    /// Empty for the pool's default namespace.
    var namespace: String
}

/// Cached image headers, each with the version that its object had.
///
/// Cached headers are always revalidated: the OSD is asked whether the object still has that version, which it knows
/// without reading the object. This takes half the time of reading the header. If the version has changed, the header
/// is read again.
final class HeaderCache: Sendable {
    /// A separate object, because a table of ten thousand values would be moved each time it grows.
    final class Known: Sendable {
        let header: ImageHeader
        /// The version as librados counts it: each write to the object changes it.
        let version: UInt64

        init(_ header: ImageHeader, version: UInt64) {
            self.header = header
            self.version = version
        }
    }

    /// The cached headers of some images.
    struct Knowledge {
        /// One for each image, in order.
        var headers: [Known?]
        /// Whether to check the versions. It is false if most of the headers of the last read had changed: checking
        /// would then add a request.
        var isWorthAsking: Bool
    }

    private struct State {
        var places: [NumberedPlace: [String: Known]] = [:]
        var count = 0
        var changing: Set<NumberedPlace> = []
        var forgetAt: ContinuousClock.Instant
    }

    /// About 20 MB. Further headers are not cached.
    private static let capacity = 50_000
    /// Deleted images leave their headers here.
    private static let lifetime = Duration.seconds(3600)

    private let state = Mutex(State(forgetAt: .now + lifetime))

    func knowledge(of ids: some Sequence<String>, in place: NumberedPlace) -> Knowledge {
        state.withLock { state in
            let known = state.places[place] ?? [:]
            return Knowledge(headers: ids.map { known[$0] }, isWorthAsking: !state.changing.contains(place))
        }
    }

    /// - Parameter unchanged: whether most of the cached headers were still valid; nil if none was cached.
    func keep(
        _ headers: some Sequence<(id: String, known: Known)>,
        of place: NumberedPlace,
        unchanged: Bool?,
        now: ContinuousClock.Instant = .now
    ) {
        state.withLock { state in
            if state.forgetAt <= now { state = State(forgetAt: now + Self.lifetime) }
            switch unchanged {
            case true?: state.changing.remove(place)
            case false?: state.changing.insert(place)
            case nil: break
            }
            for (id, known) in headers {
                if state.count >= Self.capacity, state.places[place]?[id] == nil { continue }
                if state.places[place, default: [:]].updateValue(known, forKey: id) == nil { state.count += 1 }
            }
        }
    }
}
