// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI
import Testing

@testable import rbdctl

@Suite(.timeLimit(.minutes(5)))
struct CommandLineTests {
    private func parse<Command>(_ type: Command.Type, _ line: String) throws -> Command {
        try #require(Rbdctl.command(for: words(line)) as? Command)
    }

    /// Splits the line at blanks; `''` is an empty argument.
    private func words(_ line: String) -> [String] {
        line.split(separator: " ").map { $0 == "''" ? "" : String($0) }
    }

    @Test func imageCreateTakesEverything() throws {
        let command = try parse(
            ImageCreate.self,
            "image create p/n/v --size 1.5TiB --features layering,exclusive-lock --object-size 8MiB "
                + "--stripe-unit 65536 --stripe-count 4 --data-pool ec --if-not-exists -o json"
        )
        #expect(command.spec == ImageSpec(pool: "p", namespace: "n", image: "v"))
        #expect(
            command.properties
                == ImageProperties(
                    size: ByteCount(3 << 39),
                    features: ["layering", "exclusive-lock"],
                    objectSize: ByteCount(8 << 20),
                    stripeUnit: ByteCount(65536),
                    stripeCount: 4,
                    dataPool: "ec"
                )
        )
        #expect(command.ifNotExists)
        #expect(command.format.output == .json)
    }

    @Test func imageCreateLeavesTheRestToTheService() throws {
        let command = try parse(ImageCreate.self, "image create v --size 10GiB")
        #expect(command.spec == ImageSpec(pool: "rbd", image: "v"))
        #expect(command.properties == ImageProperties(size: ByteCount(10 << 30)))
        #expect(!command.ifNotExists)
        #expect(command.format.output == .name)
        #expect(try parse(ImageCreate.self, "image create v --size 1 --features ''").properties.features == [])
    }

    @Test func listsHaveDefaultsAndAliases() throws {
        let command = try parse(ImageList.self, "image ls")
        #expect(command.folder == nil)
        #expect(command.limit == nil)
        #expect(command.format.output == .table)
        let other = try parse(ImageList.self, "image list p/n --prefix vol- --limit 7 --output name")
        #expect(other.folder?.pool == "p")
        #expect(other.folder?.namespace == "n")
        #expect(other.filter.prefix == "vol-")
        #expect(other.limit == 7)
        #expect(other.format.output == .name)
        let chosen = try parse(
            ImageList.self,
            "image ls p --match db-* --feature object-map,fast-diff --min-size 1GiB --max-size 2GiB --sort size --descending"
        )
        let query = chosen.filter.query.filter { $0.value != nil }.map { "\($0.name)=\($0.value ?? "")" }
        #expect(
            query == [
                "name~=db-*", "feature=object-map,fast-diff", "minSize=1073741824", "maxSize=2147483648", "sort=size",
                "order=desc",
            ]
        )
        #expect(try parse(ImageList.self, "image ls --with usage,watchers").details.with == "usage,watchers")
        _ = try parse(PoolList.self, "pool ls -o yaml")
        _ = try parse(PoolDelete.self, "pool rm p --confirm p")
        #expect(
            try parse(ImageDelete.self, "image rm a p/b --ignore-missing").specs.map(\.description) == ["rbd/a", "p/b"]
        )
        #expect(try parse(ImageGet.self, "image get a b c").specs.count == 3)
        #expect(try parse(PoolCreate.self, "pool create p --pg-num 8 --size 2 --autoscale off").autoscale == .off)
        _ = try parse(ClusterGet.self, "cluster get")
    }

    @Test func groupsAreWrittenAsImagesAre() throws {
        #expect(try parse(GroupCreate.self, "group create g").group.description == "rbd/g")
        #expect(try parse(GroupGet.self, "group get p/n/g").group.namespace == "n")
        #expect(try parse(GroupList.self, "group ls p/n --prefix d").folder?.namespace == "n")
        #expect(try parse(GroupRename.self, "group rename p/g h --dry-run").options.dryRun.dryRun)
        #expect(try parse(GroupDelete.self, "group rm g p/h").groups.map(\.description) == ["rbd/g", "p/h"])
        let added = try parse(GroupImageAdd.self, "group image add p/g p/a q/b")
        #expect(added.images.map(\.description) == ["p/a", "q/b"])
        let snapshot = try parse(GroupSnapshotRollback.self, "group snap rollback p/n/g@s@1 --confirm 1").snapshot
        #expect(snapshot.group.description == "p/n/g@s")
        #expect(snapshot.snapshot == "1")
        #expect(snapshot.path == ["v1", "pools", "p", "groups", "g@s", "snapshots", "1"])
    }

    @Test func poolsAreSet() throws {
        let set = try parse(
            PoolSet.self,
            "pool set p --quota-bytes 1GiB --quota-objects 0 --size 2 --min-size 1 --pg-num 8 --autoscale on "
                + "--application rbd --name q"
        )
        #expect(set.request.quota == PoolQuotaChange(maxBytes: ByteCount(1 << 30), maxObjects: 0))
        #expect(set.request.size == 2)
        #expect(set.request.minSize == 1)
        #expect(set.request.pgNum == 8)
        #expect(set.request.autoscale == "on")
        #expect(set.request.application == "rbd")
        #expect(set.request.name == "q")
        #expect(try parse(PoolSet.self, "pool set p --size 2").request.quota == nil)
        let coded = try parse(
            PoolCreate.self,
            "pool create p --type erasure --data-chunks 4 --coding-chunks 2 --failure-domain osd"
        ).request
        #expect(coded.type == "erasure")
        #expect(coded.dataChunks == 4)
        #expect(coded.codingChunks == 2)
        #expect(coded.failureDomain == "osd")
    }

    @Test func snapshotsClonesAndNamespaces() throws {
        let clone = try parse(ImageClone.self, "image clone rbd/vol-1@daily p/n/vol-2 --features layering --dry-run")
        #expect(clone.spec.description == "p/n/vol-2")
        #expect(
            clone.properties
                == ImageProperties(
                    source: ImageSource(pool: "rbd", namespace: "", image: "vol-1", snapshot: "daily"),
                    features: ["layering"]
                )
        )
        #expect(clone.options.dryRun.dryRun)
        #expect(try parse(SnapshotCreate.self, "snapshot create vol-1@daily").spec.description == "rbd/vol-1@daily")
        #expect(try parse(SnapshotRename.self, "snap rename p/v@a b").name == "b")
        #expect(try parse(SnapshotDelete.self, "snapshot rm v@a v@b --even-if-cloned").specs.count == 2)
        #expect(try parse(SnapshotRollback.self, "snapshot rollback v@a --confirm a").confirm == "a")
        #expect(try parse(SnapshotLimitCommand.self, "snapshot limit v").limit == nil)
        #expect(
            try parse(SnapshotLimitCommand.self, "snapshot limit v none").limit == .some(try .init(parsing: "none"))
        )
        #expect(try parse(SnapshotLimitCommand.self, "snapshot limit v 7").limit?.number == 7)
        #expect(try parse(NamespaceCreate.self, "namespace create p/n").folder.namespace == "n")
        #expect(try parse(NamespaceList.self, "namespace ls").pool == nil)
        #expect(try parse(ImageChildrenCommand.self, "image children v --snapshot s").snapshot == "s")
    }

    @Test(arguments: [
        "--server http://a:1 pool list --timeout 5", "pool --timeout 5 list --server http://a:1",
        "pool list --timeout 5 --server http://a:1/",
    ])
    func theServerMayStandAnywhere(line: String) throws {
        let command = try parse(PoolList.self, line)
        #expect(try command.options.connection.settings(nil) { _ in nil }.server.description == "http://a:1")
        #expect(command.options.connection.timeout == 5)
    }

    @Test func theServerComesFromTheOptionThenTheEnvironment() throws {
        let plain = try parse(PoolList.self, "pool list").options.connection
        #expect(try plain.settings(nil) { _ in nil }.server.description == "http://127.0.0.1:8080")
        #expect(try plain.settings(nil) { _ in "" }.server.description == "http://127.0.0.1:8080")
        let other: (String) -> String? = { $0 == "RBDCTL_SERVER" ? "https://b" : nil }
        #expect(try plain.settings(nil, environment: other).server.description == "https://b")
        let explicit = try parse(PoolList.self, "pool list --server http://a").options.connection
        #expect(try explicit.settings(nil, environment: other).server.description == "http://a")
    }

    @Test(arguments: [
        ("image create v", "--size"),
        ("image create v --size 10GB", "'--size <size>': the unit \"GB\" is ambiguous"),
        ("image create v --size -1", "--size"),
        ("image create v --size 1GiB --object-size 0.1GiB", "'--object-size <size>': \"0.1GiB\" is not a whole number"),
        ("image create v --size 1GiB --stripe-unit x", "--stripe-unit"),
        ("image create v --size 1GiB --stripe-count -1", "--stripe-count"),
        ("image create v --size 1GiB --data-pool ''", "--data-pool"),
        ("image create /v --size 1", "pool/namespace/image"),
        ("image create a/b/c/d --size 1", "pool/namespace/image"),
        ("image get", "<specs>"),
        ("image get ''", "pool/namespace/image"),
        ("image list a/b/c", "pool/namespace"),
        ("image list --limit 0", "--limit"),
        ("image list --sort age", "--sort"),
        ("image list --min-size much", "--min-size"),
        ("image list --limit -1", "--limit"),
        ("image list -o xml", "'table', 'json', 'yaml' or 'name'"),
        ("pool create p --autoscale maybe", "--autoscale"),
        ("pool get ''", "must not be empty"),
        ("pool delete ''", "must not be empty"),
        ("pool delete p --confirm q", "--confirm must repeat"),
        ("pool list --server 127.0.0.1:8080", "--server: \"127.0.0.1:8080\" is not an address"),
        ("pool list --timeout 0", "--timeout"),
        ("pool set p", "--quota-bytes"),
        ("pool set p --quota-bytes 1GB", "--quota-bytes"),
        ("pool create p --type mirrored", "--type"),
        ("group create a/b/c/d", "pool/namespace/group"),
        ("group snapshot create p/g", "pool/group@snapshot"),
        ("group snapshot create p/g@", "pool/group@snapshot"),
        ("group snapshot rollback p/g@s --confirm t", "--confirm must repeat"),
        ("group image add p/n/g p/a", "another namespace"),
        ("pool frobnicate", "frobnicate"),
        ("snapshot create vol-1", "pool/image@snapshot"),
        ("snapshot rollback v@a --confirm b", "--confirm must repeat"),
        ("snapshot limit v -1", "-1"),
        ("snapshot limit v many", "whole number"),
        ("namespace create p", "pool/namespace"),
        ("image clone v w", "pool/image@snapshot"),
        ("frobnicate", "frobnicate"),
        ("pool list --sever x", "--sever"),
    ])
    func aWrongLineEndsWith64AndSaysWhatIsWrong(line: String, message: String) throws {
        let error = #expect(throws: (any Error).self) { _ = try Rbdctl.command(for: words(line)) }
        let ending = Rbdctl.ending(of: try #require(error))
        #expect(ending.status == .usage)
        #expect(ending.output.isEmpty)
        #expect(ending.errors.hasPrefix("rbdctl: "))
        #expect(ending.errors.contains(message), "\(ending.errors)")
    }

    @Test(arguments: [
        ("--version", "0.1.0\n"), ("help image create", "--if-not-exists"), ("image rm --help", "--ignore-missing"),
    ])
    func whatIsAskedForGoesToStdout(line: String, output: String) async throws {
        let error = await #expect(throws: (any Error).self) { try await Rbdctl.run(words(line)) }
        let ending = Rbdctl.ending(of: try #require(error))
        #expect(ending.status == .success)
        #expect(ending.errors.isEmpty)
        #expect(ending.output.contains(output))
    }

    @Test func deletingAPoolWithoutATerminalNeedsConfirm() async throws {
        // Tests run without a terminal. With a terminal, the command would ask for confirmation.
        guard !Console.isInteractive else { return }
        let failure = await #expect(throws: Failure.self) { try await Rbdctl.run(["pool", "delete", "p"]) }
        #expect(failure?.status == .usage)
        #expect(failure?.detail.contains("--confirm") == true)
    }
}

@Suite(.timeLimit(.minutes(5)))
struct ServerAddressTests {
    @Test(arguments: [
        ("http://a", "http://a"), ("https://a:8443/", "https://a:8443"), ("HTTP://a//", "HTTP://a"),
        ("http://[::1]:8080", "http://[::1]:8080"), ("https://a/ceph/", "https://a/ceph"),
        ("unix:/run/s", "unix:/run/s"),
    ])
    func reads(text: String, address: String) throws {
        #expect(try ServerAddress(parsing: text).description == address)
    }

    @Test(arguments: [
        "", "a", "a:80", "http://", "http:///x", "ftp://a", "file:///x", "http://a:0", "http://a:65536", "http://a:b",
        "http://a b", "http://u@a", "http://u:p@a", "http://a?x=1", "http://a#x", "://a",
        "unix:", "unix:s", "unix",
    ])
    func refuses(text: String) {
        #expect(throws: ServerAddress.ParseError.self) { _ = try ServerAddress(parsing: text) }
    }

    @Test func aSocketsPathIsOneName() throws {
        let address = try ServerAddress(parsing: "unix:/run/rbd api.sock")
        #expect(address.isSocket)
        #expect(address.url(["v1", "pools"]) == "http+unix://%2Frun%2Frbd%20api.sock/v1/pools")
    }

    @Test func pathsAndQueriesAreEscaped() throws {
        let address = try ServerAddress(parsing: "http://a/base/")
        #expect(address.url(["v1", "pools", ".."]) == "http://a/base/v1/pools/%2E%2E")
        #expect(
            address.url(["pools", "a/b", "images", "é ?#%"], query: [("namespace", "a&b=c"), ("cursor", nil)])
                == "http://a/base/pools/a%2Fb/images/%C3%A9%20%3F%23%25?namespace=a%26b%3Dc"
        )
    }
}
