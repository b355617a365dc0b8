// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// A connection to a Ceph cluster. One is enough for a process: librados multiplexes, and a connection costs about
/// twelve threads.
///
/// It closes when the last reference to it goes, calls in progress included.
public final class Cluster: Sendable {
    /// Who we are to the cluster, such as `client.admin`.
    public let entity: String
    public let fsid: String
    /// Where calls that block are made.
    public let calls: BlockingPool
    let rados: RadosHandle

    private init(rados: RadosHandle, entity: String, fsid: String, calls: BlockingPool) {
        self.rados = rados
        self.entity = entity
        self.fsid = fsid
        self.calls = calls
    }

    /// Connects, within the configuration's connect timeout.
    /// - Parameters:
    ///   - calls: where the connection's calls will be made.
    ///   - pool: where to make the call that connects; nil for `calls`.
    /// - Throws: `CephError` with `.invalidConfiguration` (no such file or option, a monitor's name that can't be
    ///   resolved), `.keyringNotFound`, `.credentialsRefused`, `.clusterUnreachable`, `.timedOut`.
    /// - C function: rados_create2, rados_conf_read_file, rados_conf_parse_argv_remainder, rados_conf_set, rados_connect,
    ///   rados_cluster_fsid
    public static func connect(
        _ configuration: ClusterConfiguration,
        calls: BlockingPool = BlockingPool(),
        through pool: BlockingPool? = nil
    ) async throws -> Cluster {
        let (rados, entity, fsid) = try await (pool ?? calls).run(.connect, on: .cluster) { () throws(CephError) in
            let (rados, entity) = try configure(configuration)
            try check(rados_connect(rados.pointer), .connect, on: .cluster)
            return (rados, entity, try readFSID(rados))
        }
        return Cluster(rados: rados, entity: entity, fsid: fsid, calls: calls)
    }

    /// Reads the configuration as ``connect(_:calls:through:)`` would, without talking to the cluster: what it throws will not
    /// mend itself by trying again.
    /// - Throws: `CephError` with `.invalidConfiguration`.
    public static func validate(_ configuration: ClusterConfiguration) throws(CephError) {
        _ = try configure(configuration)
    }

    /// The version of librados in this process, such as `3.0.0`; it counts the library's interface, not Ceph's releases.
    /// - C function: rados_version
    public static var libradosVersion: String {
        var (major, minor, extra): (CInt, CInt, CInt) = (0, 0, 0)
        rados_version(&major, &minor, &extra)
        return "\(major).\(minor).\(extra)"
    }

    /// Waits until connections that were let go are closed. A process that ends while librados still runs its threads may
    /// crash on its way out.
    /// - Returns: false where they were not closed in time, because the cluster does not answer.
    public static func finishClosing(within duration: Duration) async -> Bool {
        await RadosHandle.finishClosing(within: duration)
    }

    private static func configure(
        _ configuration: ClusterConfiguration
    ) throws(CephError) -> (rados: RadosHandle, entity: String) {
        let environment = try CephArguments(splitting: environmentVariable("CEPH_ARGS") ?? "")
        let arguments = try CephArguments(configuration.arguments)
        let user = configuration.user.map { $0.hasPrefix("client.") ? $0 : "client.\($0)" }
        let entity = user ?? arguments.entity ?? environment.entity ?? "client.admin"
        let name = arguments.cluster ?? environment.cluster ?? "ceph"

        var pointer: rados_t?
        let created = rados_create2(&pointer, name, entity, 0)
        guard created >= 0, let pointer else {
            throw CephError(
                .invalidConfiguration,
                .configure,
                on: .cluster,
                errno: -created,
                detail: "\"\(entity)\" is not a user; write a name such as \"kubernetes\" or \"client.kubernetes\""
            )
        }
        let rados = RadosHandle(pointer)

        let file = configuration.configFile ?? arguments.configFile ?? environment.configFile
        try readFile(file, into: rados)
        if let keyring = environmentVariable("CEPH_KEYRING") { try set("keyring", to: keyring, in: rados) }
        try parse(environment.rest, from: "CEPH_ARGS", into: rados)
        try parse(arguments.rest, from: "the Ceph arguments", into: rados)
        for (option, value) in configuration.options.sorted(by: { $0.key < $1.key }) {
            try set(option, to: value, in: rados)
        }
        if let keyring = configuration.keyring { try set("keyring", to: keyring, in: rados) }
        try set("client_mount_timeout", to: "\(configuration.timeouts.connect)", in: rados)
        try set("rados_mon_op_timeout", to: "\(configuration.timeouts.monitor)", in: rados)
        try set("rados_osd_op_timeout", to: "\(configuration.timeouts.osd)", in: rados)
        return (rados, entity)
    }

    private static func readFile(_ path: String?, into rados: RadosHandle) throws(CephError) {
        // Given nil, librados looks at CEPH_CONF and then at the default places.
        let result = rados_conf_read_file(rados.pointer, path)
        guard result < 0 else { return }
        let file = (path ?? environmentVariable("CEPH_CONF")).map { "the configuration file \"\($0)\"" }
        let detail =
            if result == -ENOENT {
                file.map { "\($0) does not exist" } ?? "no ceph.conf in /etc/ceph, in ~/.ceph or here"
            } else {
                "\(file ?? "ceph.conf") can't be read"
            }
        throw CephError(errno: -result, .configure, on: .cluster, detail: detail)
    }

    private static func parse(_ arguments: [String], from source: String, into rados: RadosHandle) throws(CephError) {
        guard !arguments.isEmpty else { return }
        // Unlike rados_conf_parse_argv, this one takes no program's name in front.
        let copies = arguments.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        var argv: [UnsafePointer<CChar>?] = copies.map { UnsafePointer($0) }
        var remainder = [UnsafePointer<CChar>?](repeating: nil, count: argv.count)
        let result = rados_conf_parse_argv_remainder(rados.pointer, CInt(argv.count), &argv, &remainder)
        let unknown = remainder.compactMap { $0.map { String(cString: $0) } }
        guard result >= 0, unknown.isEmpty else {
            let detail =
                "\(source): \((unknown.isEmpty ? arguments : unknown).joined(separator: " ")) is not known to Ceph"
            throw CephError(
                .invalidConfiguration,
                .configure,
                on: .cluster,
                errno: result < 0 ? -result : nil,
                detail: detail
            )
        }
    }

    private static func set(_ option: String, to value: String, in rados: RadosHandle) throws(CephError) {
        let result = rados_conf_set(rados.pointer, option, value)
        guard result < 0 else { return }
        let reason = result == -ENOENT ? "there is no such option" : "\"\(value)\" is not a value for it"
        throw CephError(errno: -result, .configure, on: .cluster, detail: "\(option): \(reason)")
    }

    private static func readFSID(_ rados: RadosHandle) throws(CephError) -> String {
        // 36 characters and the terminating zero.
        var buffer = [CChar](repeating: 0, count: 37)
        let length = try check(rados_cluster_fsid(rados.pointer, &buffer, buffer.count), .connect, on: .cluster)
        return String(decoding: buffer.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func environmentVariable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}
