// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Naming
import RBDAPI
import Testing

@Suite struct ImageSpecTests {
    @Test(arguments: [
        ("vol", ImageSpec(pool: "rbd", image: "vol"), "rbd/vol"),
        ("p/vol", ImageSpec(pool: "p", image: "vol"), "p/vol"),
        ("p/ns/vol", ImageSpec(pool: "p", namespace: "ns", image: "vol"), "p/ns/vol"),
        ("a b", ImageSpec(pool: "rbd", image: "a b"), "rbd/a b"),
    ])
    func reads(text: String, spec: ImageSpec, description: String) {
        #expect(ImageSpec(parsing: text) == spec)
        #expect(spec.description == description)
        #expect(ImageSpec(parsing: description) == spec)
    }

    @Test(arguments: ["", "/", "p/", "/vol", "p//vol", "p/ns/", "a/b/c/d", "///"])
    func refuses(text: String) {
        #expect(ImageSpec(parsing: text) == nil)
    }
}

@Suite struct SnapshotSpecTests {
    @Test(arguments: [
        ("vol@s", "rbd/vol@s"), ("p/vol@s", "p/vol@s"), ("p/ns/vol@s", "p/ns/vol@s"), ("p/a@b@s", "p/a@b@s"),
        ("p/vol@a/b", "p/vol@a/b"),
    ])
    func reads(text: String, description: String) throws {
        let spec = try #require(SnapshotSpec(parsing: text))
        #expect(spec.description == description)
        #expect(SnapshotSpec(parsing: description) == spec)
    }

    @Test(arguments: ["", "@", "vol", "p/vol", "@s", "p/@s", "p/vol@", "a/b/c/d@s"])
    func refuses(text: String) {
        #expect(SnapshotSpec(parsing: text) == nil)
    }
}

@Suite struct RequestBodyTests {
    private func read<Body: RequestBody>(_ type: Body.Type, _ json: String) throws -> Body {
        try JSONDecoder().decode(Strict<Body>.self, from: Data(json.utf8)).body
    }

    @Test func aWholeBodyIsRead() throws {
        let json = """
            {"name":"v","size":"10GiB","source":{"image":"i","snapshot":"s"},"features":["layering"],"objectSize":4194304,"stripeUnit":"64KiB",
             "stripeCount":4,"dataPool":"ec"}
            """
        let properties = ImageProperties(
            size: ByteCount(10 << 30),
            source: ImageSource(image: "i", snapshot: "s"),
            features: ["layering"],
            objectSize: ByteCount(4 << 20),
            stripeUnit: ByteCount(64 << 10),
            stripeCount: 4,
            dataPool: "ec"
        )
        #expect(try read(CreateImageRequest.self, json) == CreateImageRequest(name: "v", properties: properties))
    }

    @Test(arguments: [
        (#"{"name":"v","size":1,"sizes":2}"#, "sizes"),
        (#"{"name":"v","size":1,"Size":2}"#, "Size"),
        (#"{"name":"v","size":1,"zz":null,"aa":1}"#, "aa"),
        (#"{"name":"v","size":1,"":1}"#, ""),
    ])
    func anUnknownFieldIsRefused(json: String, name: String) {
        #expect(throws: UnknownField(name: name, known: CreateImageRequest.fieldNames)) {
            _ = try read(CreateImageRequest.self, json)
        }
    }

    @Test func anUnknownFieldOfTheSourceIsRefused() {
        let known = ["source.pool", "source.namespace", "source.image", "source.snapshot"]
        #expect(throws: UnknownField(name: "source.snap", known: known)) {
            _ = try read(ImageProperties.self, #"{"source":{"image":"i","snap":"s"}}"#)
        }
    }

    @Test func onlyASourceStandsInForASize() throws {
        #expect(throws: DecodingError.self) { _ = try read(ImageProperties.self, #"{"source":null}"#) }
        #expect(throws: DecodingError.self) { _ = try read(ImageProperties.self, #"{"size":null}"#) }
        let clone = try read(ImageProperties.self, #"{"source":{"image":"i","snapshot":"s"},"size":null}"#)
        #expect(clone == ImageProperties(source: ImageSource(image: "i", snapshot: "s")))
    }

    @Test func aLimitOfNullIsNotOneLeftOut() throws {
        #expect(try read(SetSnapshotLimitRequest.self, #"{"limit":null}"#).limit == nil)
        #expect(try read(SetSnapshotLimitRequest.self, #"{"limit":3}"#).limit == 3)
        #expect(throws: DecodingError.self) { _ = try read(SetSnapshotLimitRequest.self, "{}") }
        let encoded = String(decoding: try JSONEncoder().encode(SetSnapshotLimitRequest(limit: nil)), as: UTF8.self)
        #expect(encoded == #"{"limit":null}"#)
    }

    @Test func theNameIsNoPropertyOfAnImage() {
        #expect(throws: UnknownField(name: "name", known: ImageProperties.fieldNames)) {
            _ = try read(ImageProperties.self, #"{"name":"v","size":1}"#)
        }
    }

    @Test(arguments: [#"{"name":"v"}"#, #"{"size":1}"#, #"{"name":1,"size":1}"#, #"[]"#, #""x""#, "null"])
    func anIncompleteBodyIsRefused(json: String) {
        #expect(throws: DecodingError.self) { _ = try read(CreateImageRequest.self, json) }
    }

    @Test func whatIsLeftOutIsNotSent() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let image = CreateImageRequest(name: "v", properties: ImageProperties(size: ByteCount(1)))
        #expect(try String(decoding: encoder.encode(image), as: UTF8.self) == #"{"name":"v","size":1}"#)
        #expect(try String(decoding: encoder.encode(CreatePoolRequest(name: "p")), as: UTF8.self) == #"{"name":"p"}"#)
    }
}

@Suite struct PoolChangeTests {
    private func read(_ json: String) throws -> UpdatePoolRequest {
        try JSONDecoder().decode(Strict<UpdatePoolRequest>.self, from: Data(json.utf8)).body
    }

    @Test(arguments: [
        (#"{"quota":{"maxBytes":"1GiB"}}"#, PoolQuotaChange(maxBytes: ByteCount(1 << 30))),
        (#"{"quota":{"maxBytes":null,"maxObjects":7}}"#, PoolQuotaChange(maxBytes: ByteCount(0), maxObjects: 7)),
        (#"{"quota":{"maxObjects":null}}"#, PoolQuotaChange(maxObjects: 0)),
        (#"{"quota":{}}"#, PoolQuotaChange()), (#"{"quota":null,"size":null}"#, nil), ("{}", nil),
    ])
    func aLimitThatIsNullIsLifted(json: String, quota: PoolQuotaChange?) throws {
        let request = try read(json)
        #expect(request.quota == quota)
        #expect(request.size == nil)
        #expect(try read(String(decoding: JSONEncoder().encode(request), as: UTF8.self)) == request)
    }

    @Test func anUnknownFieldOfTheQuotaIsRefused() {
        #expect(throws: UnknownField(name: "max", known: PoolQuotaChange.fieldNames)) {
            _ = try read(#"{"quota":{"max":1}}"#)
        }
    }
}

@Suite struct ExplicitNullTests {
    private func members(of value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    @Test func anImageHasAllMembers() throws {
        let image = Image(
            spec: ImageSpec(pool: "rbd", image: "v"),
            id: "1",
            state: "ready",
            sizeBytes: 1,
            objectSizeBytes: 2,
            stripeUnitBytes: 2,
            stripeCount: 1,
            features: [],
            snapshotCount: 0,
            createdAt: nil,
            dataPool: nil,
            parent: nil
        )
        #expect(
            try members(of: image) == #"{"accessedAt":null,"children":null,"createdAt":null,"dataPool":null,"#
                + #""encryption":null,"features":[],"flags":[],"group":null,"id":"1","metadata":null,"migration":null,"#
                + #""mirroring":null,"modifiedAt":null,"#
                + #""name":"v","namespace":"","objectSizeBytes":2,"operationFeatures":[],"parent":null,"pool":"rbd","#
                + #""problem":null,"qos":null,"sizeBytes":1,"snapshotCount":0,"spec":"rbd/v","state":"ready","stripeCount":1,"#
                + #""stripeUnitBytes":2,"usage":null,"watchers":null}"#
        )
        #expect(try JSONDecoder().decode(Image.self, from: Data(members(of: image).utf8)) == image)
    }

    @Test func aGroupHasAllMembers() throws {
        let group = Group(pool: "p", namespace: "n", name: "g")
        #expect(
            try members(of: group)
                == #"{"id":null,"images":null,"name":"g","namespace":"n","pool":"p","snapshots":null,"spec":"p/n/g"}"#
        )
        #expect(try JSONDecoder().decode(Group.self, from: Data(members(of: group).utf8)) == group)
    }

    @Test func aPageHasItsCursor() throws {
        #expect(try members(of: Page<String>(items: [], nextCursor: nil)) == #"{"items":[],"nextCursor":null}"#)
    }

    @Test func theParentsIdIsSpelledAsInJSON() throws {
        let parent = ParentImage(
            spec: ImageSpec(pool: "p", namespace: "n", image: "i"),
            imageID: "7",
            snapshot: "s",
            overlapBytes: 1
        )
        #expect(
            try members(of: parent) == #"{"image":"i","imageId":"7","namespace":"n","overlapBytes":1,"pool":"p","#
                + #""snapshot":"s","spec":"p/n/i@s"}"#
        )
    }
}

@Suite struct PercentEncodingTests {
    @Test(arguments: [
        ("vol-1_a.b~", "vol-1_a.b~"), (".", "%2E"), ("..", "%2E%2E"), ("...", "..."), ("a/b", "a%2Fb"),
        ("a b+c", "a%20b%2Bc"), ("100%", "100%25"), ("é", "%C3%A9"), ("😀", "%F0%9F%98%80"), ("\n", "%0A"),
        ("?#[]@!$&'()*,;=:", "%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2C%3B%3D%3A"), ("", ""), ("\u{0}", "%00"),
    ])
    func escapesAllButTheUnreserved(text: String, escaped: String) {
        #expect(PercentEncoding.encode(text) == escaped)
        #expect(PercentEncoding.decode(escaped) == text)
    }

    @Test(arguments: ["%", "%2", "%zz", "a%", "%C3", "%FF", "%+1"])
    func refusesToDecode(text: String) {
        #expect(PercentEncoding.decode(text) == nil)
    }
}
