// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Headers as they were last read, each with the version that its object had then.
///
/// Nothing is told from memory alone: the OSD is asked whether the object still has that version, which it knows without reading
/// any of it. That takes half of what it takes to read the header, and where it has changed the header is read.
final class HeaderCache: Sendable {
    /// An object of its own: a table of ten thousand of them is moved each time it grows.
    final class Known: Sendable {
        let header: ImageHeader
        /// As librados counts them: of each write to the object another one.
        let version: UInt64

        init(_ header: ImageHeader, version: UInt64) {
            self.header = header
            self.version = version
        }
    }

    /// What is known of some images.
    struct Knowledge {
        /// Of each image in its turn.
        var headers: [Known?]
        /// Whether to ask for their versions. Not where most of those that were read last had changed: that would be two
        /// questions instead of one.
        var isWorthAsking: Bool
    }

    private struct State {
        var places: [NumberedPlace: [String: Known]] = [:]
        var count = 0
        var changing: Set<NumberedPlace> = []
        var forgetAt: ContinuousClock.Instant
    }

    /// Some 20 MB. What comes later is not kept.
    private static let capacity = 50_000
    /// Images that have gone leave their headers here.
    private static let lifetime = Duration.seconds(3600)

    private let state = Mutex(State(forgetAt: .now + lifetime))

    func knowledge(of ids: some Sequence<String>, in place: NumberedPlace) -> Knowledge {
        state.withLock { state in
            let known = state.places[place] ?? [:]
            return Knowledge(headers: ids.map { known[$0] }, isWorthAsking: !state.changing.contains(place))
        }
    }

    /// - Parameter unchanged: whether most of what was known was still so; nil where nothing was known.
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
