// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Reads of headers that are in flight, in the order in which they were sent; nil for images that are read in another
/// way.
struct ReadWindow {
    struct Read {
        enum Question {
            case header, headerAndSnapshots, version
        }

        let question: Question
        let read: CompoundRead
    }

    private var reads: [Read?]
    private var first = 0
    private var count = 0

    init(capacity: Int) {
        reads = Array(repeating: nil, count: capacity)
    }

    var hasRoom: Bool { count < reads.count }

    mutating func append(_ read: Read?) {
        reads[(first + count) % reads.count] = read
        count += 1
    }

    /// Waits for the last of the first reads, up to this number. All earlier ones are then done, or almost.
    func waitForFirst(_ number: Int) {
        guard count > 0 else { return }
        _ = reads[(first + min(number, count) - 1) % reads.count]?.read.wait()
    }

    mutating func removeFirst() -> Read? {
        defer {
            reads[first] = nil
            first = (first + 1) % reads.count
            count -= 1
        }
        return reads[first]
    }
}
