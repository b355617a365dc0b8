// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// Reads a pool's directory, sorted by the bytes of the names, as far as the caller needs. It starts at a given
/// position. So a page of a hundred costs the same in a pool of a hundred images as in one of a hundred thousand, while
/// `rbd_list2` reads the whole directory for each page.
///
/// Images may be created and deleted between two steps. An image that exists throughout is returned once.
struct DirectoryWalk: Sendable {
    /// The maximum number of entries per request: what librbd requests, and two more.
    private static let page = 1026

    /// The ranges that are not read yet. Names outside them are not read, except those at the end of a page.
    private var ranges: ArraySlice<NameRange>
    private let position: ImagePosition?
    private let matches: (@Sendable (String) -> Bool)?
    /// The name that the directory was read up to.
    private var last: [UInt8]
    private var isRead = false
    private var isStarted = false
    /// Entries that were read and not returned yet.
    private var ahead: ArraySlice<ImageReader.Entry> = []
    /// Images that are not in the directory: those of the old format, and those that a removal has already taken out of
    /// it.
    private var others: ArraySlice<ImageReader.Entry> = []
    private var removed: Set<String> = []
    private var trashed: Set<String> = []
    private var held: ImageReader.Entry?

    /// - Parameters:
    ///   - ranges: only names in these ranges.
    ///   - position: only images after this one.
    ///   - matches: only names that this returns true for.
    init(
        in ranges: [NameRange] = [NameRange(prefix: "")],
        after position: ImagePosition? = nil,
        where matches: (@Sendable (String) -> Bool)? = nil
    ) {
        let ranges = NameRange.ordered(ranges)
        let start = position?.name ?? []
        self.ranges = ranges.drop { $0.place(of: start) == .after }
        self.position = position
        self.matches = matches
        last = Self.later(Self.before(start), Self.before(self.ranges.first?.begin ?? Self.end))
    }

    /// No name sorts after it: librbd's names are shorter.
    private static let end = [UInt8](repeating: 0xFF, count: 256)

    private static func later(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] {
        one.lexicographicallyPrecedes(other) ? other : one
    }

    /// A name shortly before this one: the directory is read from the entry after it.
    private static func before(_ name: [UInt8]) -> [UInt8] {
        guard let last = name.last, last > 0 else { return Array(name.dropLast()) }
        return name.dropLast() + [last - 1] + Array(repeating: 0xFF, count: 8)
    }

    /// As many entries as are needed, the one that the previous page ended with, and one to see whether there are more.
    private static func limit(_ count: Int) -> Int {
        min(count, page - 2) + 2
    }

    /// Whether nothing is left. Valid after a step.
    var isOver: Bool { isStarted && held == nil }

    /// The next entries, up to this number.
    /// - Throws: `CephError` with `.namespaceNotFound`.
    /// - C function: rados_aio_read_op_operate (`dir_list` of `rbd_directory`), rados_read_op_operate (`trash_list` of
    ///   `rbd_trash`)
    mutating func next(_ count: Int, in reader: borrowing ImageReader) throws(CephError) -> [ImageReader.Entry] {
        if !isStarted { try start(count, in: reader) }
        var entries: [ImageReader.Entry] = []
        while entries.count < count, let entry = held {
            entries.append(entry)
            held = try step(count - entries.count, in: reader)
        }
        return entries
    }

    private mutating func start(_ count: Int, in reader: borrowing ImageReader) throws(CephError) {
        var others: [ImageReader.Entry] = []
        for entry in try reader.trashEntries(.listImages) {
            // A move to the trash that is running or was interrupted leaves the name in the directory.
            guard entry.source == .removing else {
                trashed.insert(entry.id)
                continue
            }
            removed.insert(entry.id)
            others.append(ImageReader.Entry(name: entry.name, id: entry.id, isBeingRemoved: true))
        }
        if try take(ask(Self.limit(count), in: reader), in: reader) > 0 { others += try Self.format1Entries(reader) }
        others.sort { $0.precedes($1) }
        self.others = others[...]
        // A namespace that does not exist has no images either.
        if isRead, ahead.isEmpty, others.isEmpty { try reader.context.requireNamespace() }
        isStarted = true
        held = try step(count, in: reader)
    }

    /// - Parameter count: the number of entries that are still needed.
    private mutating func step(
        _ count: Int,
        in reader: borrowing ImageReader
    ) throws(CephError) -> ImageReader.Entry? {
        while true {
            if ahead.isEmpty, !isRead {
                try reader.requireTime()
                try take(ask(Self.limit(count), in: reader), in: reader)
            }
            guard var entry = earlier() else { return nil }
            entry.isBeingRemoved = removed.contains(entry.id)
            while let range = ranges.first, entry.place(in: range) == .after { ranges.removeFirst() }
            guard let range = ranges.first else {
                (ahead, others, isRead) = ([], [], true)
                return nil
            }
            guard entry.place(in: range) == .within else {
                skip(to: range)
                continue
            }
            if let position, entry.position <= position { continue }
            // It is returned with those in the trash.
            if trashed.contains(entry.id) { continue }
            if let matches, !matches(entry.name) { continue }
            return entry
        }
    }

    private mutating func skip(to range: NameRange) {
        ahead = ahead.drop { $0.place(in: range) == .before }
        others = others.drop { $0.place(in: range) == .before }
        if ahead.isEmpty { last = Self.later(last, Self.before(range.begin)) }
    }

    private mutating func earlier() -> ImageReader.Entry? {
        guard let other = others.first else { return ahead.popFirst() }
        guard let entry = ahead.first else { return others.popFirst() }
        if other.precedes(entry) { return others.popFirst() }
        // An image whose removal has got no further than the trash is in both.
        if other.id == entry.id, other.name == entry.name { others.removeFirst() }
        return ahead.popFirst()
    }

    // MARK: Pages of the directory

    /// A page that has been requested.
    struct Page: ~Copyable {
        fileprivate let read: CompoundRead
        fileprivate let limit: Int
    }

    /// Requests the entries for a later step of this size, so that other reads can run meanwhile.
    /// - Returns: nil if enough entries are there.
    func prefetch(_ count: Int, in reader: borrowing ImageReader) -> Page? {
        guard isStarted, !isRead, ahead.count <= count else { return nil }
        return ask(Self.limit(count), in: reader)
    }

    private func ask(_ limit: Int, in reader: borrowing ImageReader) -> Page {
        let input = WireWriter.string(last) + WireWriter.integer(UInt64(limit))
        let read = CompoundRead(calling: "dir_list", input: input)
        read.readSize()
        read.submit(to: "rbd_directory", in: reader.context)
        return Page(read: read, limit: limit)
    }

    /// - Returns: how much data the directory holds besides its names: a list of the images of the old format.
    @discardableResult
    mutating func take(_ page: consuming Page, in reader: borrowing ImageReader) throws(CephError) -> UInt64 {
        let resource = CephError.Resource.pool(reader.context.pool)
        guard try page.read.isFound(.listImages, on: resource) else {
            // The pool never had an image.
            isRead = true
            return 0
        }
        guard var list = page.read.output, let found = list.integer(UInt32.self) else {
            throw CephError(.other, .listImages, on: resource, detail: "its directory can't be read")
        }
        var entries = Array(ahead)
        entries.reserveCapacity(ahead.count + Int(found))
        for index in 0..<found {
            guard let name = list.text(), let id = list.string() else {
                throw CephError(.other, .listImages, on: resource, detail: "its directory can't be read")
            }
            if index == found - 1 { last = Array(name) }
            entries.append(ImageReader.Entry(nameBytes: name, id: id))
        }
        ahead = entries[...]
        isRead = Int(found) < page.limit
        return page.read.size
    }

    private static func format1Entries(_ reader: borrowing ImageReader) throws(CephError) -> [ImageReader.Entry] {
        let (context, pool) = (reader.context.pointer, reader.context.pool)
        return try GrowingRoom.fill(from: 1024) {
            rbd_list2(context, $0, &$1)
        } then: { (specs: UnsafeMutablePointer<rbd_image_spec_t>, count, result) throws(CephError) in
            try check(result, .listImages, on: .pool(pool))
            defer { rbd_image_spec_list_cleanup(specs, count) }
            return (0..<count).compactMap { index in
                guard specs[index].id.pointee == 0 else { return nil }
                let name = UnsafeRawBufferPointer(start: specs[index].name, count: strlen(specs[index].name))
                return ImageReader.Entry(nameBytes: name, id: "")
            }
        }
    }
}
