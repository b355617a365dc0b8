// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

@Suite struct WatchTests {
    @Test func linesAreTheSameWhereverTheStreamIsSplit() throws {
        let text = Array("{\"a\":\"ä\"}\n\n{}\n{\"b\":1}\nrest".utf8)
        for first in 0...text.count {
            for second in first...text.count {
                var splitter = LineSplitter()
                var lines: [[UInt8]] = []
                for part in [text[..<first], text[first..<second], text[second...]] {
                    lines += try splitter.append(part)
                }
                #expect(lines.map { String(decoding: $0, as: UTF8.self) } == ["{\"a\":\"ä\"}", "{}", "{\"b\":1}"])
            }
        }
    }

    @Test func longLinesAreRefusedBeforeTheirEnd() throws {
        var splitter = LineSplitter(limit: 4)
        #expect(try splitter.append(Array("1234\n12".utf8)).count == 1)
        #expect(throws: LineSplitter.TooLong(limit: 4)) { try splitter.append(Array("345".utf8)) }
    }

    private func event(_ type: String, _ object: String) throws -> WatchEvent<PersistentVolume> {
        try WatchEvent(parsing: Array(#"{"type":"\#(type)","object":\#(object)}"#.utf8))
    }

    @Test func eventsAreRead() throws {
        guard case .added(let volume) = try event("ADDED", #"{"metadata":{"name":"a"}}"#) else {
            Issue.record("this is not an added object")
            return
        }
        #expect(volume.metadata.name == "a")
        guard case .bookmark("7") = try event("BOOKMARK", #"{"metadata":{"resourceVersion":"7"}}"#) else {
            Issue.record("this is not a bookmark")
            return
        }
        let status = #"{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}"#
        guard case .error(let error) = try event("ERROR", status) else {
            Issue.record("this is not an error")
            return
        }
        #expect(error.isExpired)
        #expect(throws: KubernetesError.self) { try event("OTHER", "{}") }
    }

    private func volume(_ name: String, _ version: Int, uid: String = "u") -> PersistentVolume {
        var volume = PersistentVolume(named: name)
        var metadata = volume.metadata
        metadata.uid = uid
        metadata.resourceVersion = "\(version)"
        volume.metadata = metadata
        return volume
    }

    /// The changes as words; nil if a new list is needed.
    private func words(_ outcome: ObjectStore<PersistentVolume>.Outcome) -> [String]? {
        guard case .changes(let changes) = outcome else { return nil }
        return changes.map { change in
            let version = change.object.metadata.resourceVersion
            return switch change {
            case .added: "added \(version)"
            case .modified: "modified \(version)"
            case .deleted: "deleted \(version)"
            }
        }
    }

    @Test func repeatedEventsChangeNothing() {
        let store = ObjectStore<PersistentVolume>()
        #expect(store.replace(with: [volume("a", 5)]).count == 1)
        #expect(store.replace(with: [volume("a", 5)]).isEmpty)
        #expect(words(store.put(volume("a", 8), after: "7")) == ["modified 8"])
        #expect(words(store.put(volume("a", 8), after: "8")) == [])
        #expect(words(store.put(volume("a", 6), after: "8")) == [])
        #expect(words(store.put(volume("b", 9), after: "8")) == ["added 9"])
        #expect(words(store.remove(volume("b", 10))) == ["deleted 10"])
        #expect(words(store.remove(volume("b", 10))) == [])
        #expect(store.count == 1)
    }

    @Test func anOldEventThatTellsSomethingElseNeedsANewList() {
        let store = ObjectStore<PersistentVolume>()
        #expect(words(store.put(volume("b", 4), after: "8")) == nil)
        #expect(words(store.put(volume("b", 9), after: "8")) == ["added 9"])
        #expect(words(store.remove(volume("b", 3))) == nil)
    }

    @Test func anotherObjectOfTheSameNameIsAnotherObject() {
        let store = ObjectStore<PersistentVolume>()
        _ = store.replace(with: [volume("a", 5, uid: "1")])
        #expect(words(store.put(volume("a", 9, uid: "2"), after: "8")) == ["deleted 5", "added 9"])
        #expect(words(store.remove(volume("a", 10, uid: "1"))) == [])
        #expect(words(.changes(store.replace(with: [volume("a", 12, uid: "3")]))) == ["deleted 9", "added 12"])
    }

    @Test func aListTellsTheDifferences() {
        let store = ObjectStore<PersistentVolume>()
        _ = store.replace(with: [volume("a", 1), volume("b", 2), volume("c", 3)])
        let changes = words(.changes(store.replace(with: [volume("b", 2), volume("c", 7), volume("d", 8)])))
        #expect(Set(changes ?? []) == Set(["deleted 1", "modified 7", "added 8"]))
    }

    @Test func pausesDoubleUpToTheMaximum() {
        var backoff = Backoff(first: .seconds(1), maximum: .seconds(5), jitter: 0.5)
        #expect((0..<4).map { _ in backoff.next(random: 0) } == [.seconds(1), .seconds(2), .seconds(4), .seconds(5)])
        #expect(backoff.next(random: 1) == .seconds(2.5))
        backoff.reset()
        #expect(backoff.next(random: 0) == .seconds(1))
        for _ in 0..<100 { _ = backoff.next() }
        #expect(backoff.next(random: 0) == .seconds(5))
    }
}
