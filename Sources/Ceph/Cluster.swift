// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc
internal import Synchronization

/// A connection to a Ceph cluster. A process needs only one: librados multiplexes, and a connection costs about twelve
/// threads.
///
/// It closes when its last reference is released, including those of running calls.
///
/// Each method that calls the cluster may throw `CephError` with `.clusterUnreachable`, `.timedOut`,
/// `.credentialsRefused` and `.clientBlocklisted`, and with the codes of ``BlockingPool/run(_:on:deadline:_:)``. The
/// comment of a method says what else it throws.
public final class Cluster: Sendable {
    /// The Ceph user of this connection, such as `client.admin`.
    public let entity: String
    public let fsid: String
    /// The type of the user's key; nil if it is not known.
    public let keyType: KeyType?
    /// The pool that blocking calls are made in.
    public let calls: BlockingPool
    /// The breakers of the cluster's parts that do not answer. They outlive a connection.
    public let breakers: Breakers
    private let files: ConfigurationFiles
    let rados: RadosHandle
    let headers = HeaderCache()
    let copies = CopyShares()
    /// See ``threads(for:)``.
    let pools = Mutex<[ThreadPurpose: BlockingPool]>([:])
    private let observer: (any CallObserver)?
    private let shutOut = Atomic(false)
    private let retired = Atomic(false)

    private init(
        _ configured: Configured,
        fsid: String,
        calls: BlockingPool,
        breakers: Breakers,
        observer: (any CallObserver)?
    ) {
        rados = configured.rados
        entity = configured.entity
        keyType = configured.keyType
        files = configured.files
        self.fsid = fsid
        self.calls = calls
        self.breakers = breakers
        self.observer = observer
    }

    deinit {
        endCalls()
    }

    /// Connects, within the configuration's connect timeout.
    /// - Parameters:
    ///   - limits: the limits of the threads for the connection's calls.
    ///   - breakers: refuse calls to parts that do not answer. They open by themselves; the caller probes and closes
    ///     them.
    ///   - observer: receives every call.
    ///   - pool: the pool to connect in; nil for a thread of the connection.
    /// - Throws: `CephError` with `.invalidConfiguration` (a file or an option does not exist, or a monitor's name
    ///   can't be resolved), `.keyringNotFound`, `.credentialsRefused`, `.clusterUnreachable`, `.timedOut`.
    /// - C function: rados_create2, rados_conf_read_file, rados_conf_parse_argv_remainder, rados_conf_set,
    ///   rados_connect, rados_cluster_fsid
    public static func connect(
        _ configuration: ClusterConfiguration,
        limits: BlockingPool.Limits = BlockingPool.Limits(),
        breakers: Breakers = Breakers(),
        observer: (any CallObserver)? = nil,
        through pool: BlockingPool? = nil
    ) async throws -> Cluster {
        let calls = BlockingPool(limits: limits)
        let (configured, fsid) = try await (pool ?? calls).run(.connect, on: .cluster) { () throws(CephError) in
            let configured = try configure(configuration)
            let result = rados_connect(configured.rados.pointer)
            if result == -ENOENT, configured.rados.option("mon_host").isEmpty {
                let detail = "no monitors are configured: neither mon_host nor a DNS record names them"
                throw CephError(.invalidConfiguration, .connect, on: .cluster, errno: ENOENT, detail: detail)
            }
            try check(result, .connect, on: .cluster)
            settle(configured.rados)
            return (configured, try readFSID(configured.rados))
        }
        return Cluster(configured, fsid: fsid, calls: calls, breakers: breakers, observer: observer)
    }

    /// Waits until the configuration of the monitors has arrived, as far as that can be seen: it comes with the first
    /// answers. If it arrives while librbd closes an image, librados 16 deadlocks: each waits for the other's lock
    /// (`ConfigProxy::call_observers`, `ConfigProxy::remove_observer`).
    private static func settle(_ rados: RadosHandle) {
        // The answers do not matter.
        for _ in 0..<2 { _ = try? rados.command("fsid", .connect, on: .cluster) }
    }

    /// Reads the configuration like `connect`, without contacting the cluster. An error of this method persists until
    /// the configuration is corrected.
    /// - Throws: `CephError` with `.invalidConfiguration`.
    public static func validate(_ configuration: ClusterConfiguration) throws(CephError) {
        _ = try configure(configuration)
    }

    /// The Ceph release of the librados in this process, such as `16.2.15`. If the library does not report it, the
    /// version of its interface, such as `3.0.0`, which has not changed for years.
    /// - C function: rados_version; `ceph_version_to_str()` of libceph-common, a C++ function that can be called
    ///   without C++
    public static var libradosVersion: String {
        if let symbol = dlsym(nil, "_Z19ceph_version_to_strv") {
            let release = unsafeBitCast(symbol, to: (@convention(c) () -> UnsafePointer<CChar>?).self)
            if let text = release() { return String(cString: text) }
        }
        var (major, minor, extra): (CInt, CInt, CInt) = (0, 0, 0)
        rados_version(&major, &minor, &extra)
        return "\(major).\(minor).\(extra)"
    }

    /// Waits until released connections are closed. A process that ends while librados still runs its threads may crash
    /// during exit.
    /// - Returns: false if they were not closed in time, because the cluster does not answer.
    public static func finishClosing(within duration: Duration) async -> Bool {
        await RadosHandle.finishClosing(within: duration)
    }

    /// The address of the connection as the cluster sees it: IP address, port and nonce. Blocklisting uses it.
    /// - C function: rados_getaddrs
    public var address: String { rados.address }

    /// Whether a configuration file or keyring has changed since the connection was made.
    public var hasChangedFiles: Bool { files.haveChanged }

    /// Whether the cluster has shut out (blocklisted) this connection. Only a new connection is let in again.
    public var isShutOut: Bool { shutOut.load(ordering: .relaxed) }

    /// Marks the connection as replaced by another one. It finishes its running calls. Their results no longer say
    /// anything about the cluster: a client that was suspended finds all of its calls timed out at once.
    public func retire() { retired.store(true, ordering: .relaxed) }

    /// Makes a call on a thread of the pool and reports it to the observer, unless the breaker of its scope is open and
    /// the pool's calls heed it.
    /// - Parameters:
    ///   - threads: the pool to make the call in; nil for the connection's own.
    ///   - isLong: whether the call takes long by its nature. It then has threads for its own kind, and its deadline
    ///     says nothing about the cluster.
    /// - Throws: the errors of ``BlockingPool/run(_:on:deadline:_:)``; `CephError` with `.poolUnavailable` or
    ///   `.clusterUnreachable` if the breaker is open.
    func run<Value: Sendable>(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        through threads: BlockingPool? = nil,
        isLong: Bool = false,
        _ body: @escaping @Sendable (RadosHandle) throws(CephError) -> Value
    ) async throws -> Value {
        let start = ContinuousClock.now
        let threads = threads ?? (isLong ? self.threads(for: .longReads) : calls)
        let scope = CallScope(operation, on: resource)
        do {
            if !threads.ignoresBreakers { try breakers.admit(scope, operation, on: resource) }
            let value = try await threads.run(operation, on: resource) { [self] () throws(CephError) in
                // The breaker may have opened while the call was queued.
                if !threads.ignoresBreakers { try breakers.admit(scope, operation, on: resource) }
                // Here, and not in the waiting task: its caller may be released earlier.
                do throws(CephError) {
                    let value = try body(rados)
                    record(scope, nil)
                    return value
                } catch {
                    if !error.isOfADeadline { record(scope, error) }
                    throw error
                }
            }
            ended(operation, on: resource, nil, since: start)
            return value
        } catch let error as CephError {
            if error.isOfADeadline, !isLong { record(scope, error, after: .now - start) }
            ended(operation, on: resource, error, since: start)
            throw error
        }
    }

    private func record(_ scope: CallScope, _ error: CephError?, after time: Duration? = nil) {
        if !retired.load(ordering: .relaxed) { breakers.record(scope, error, after: time) }
    }

    /// Makes a call without reporting it to the observer, but notices when the cluster has blocklisted this client.
    func noticing<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as CephError {
            notice(error)
            throw error
        }
    }

    private func notice(_ error: CephError) {
        if error.code == .clientBlocklisted { shutOut.store(true, ordering: .relaxed) }
    }

    private func ended(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        _ error: CephError?,
        since start: ContinuousClock.Instant
    ) {
        if let error { notice(error) }
        observer?.callEnded(
            CallRecord(operation: operation, resource: resource, error: error, duration: .now - start)
        )
    }

    /// A handle that is configured and ready to connect.
    private struct Configured {
        var rados: RadosHandle
        var entity: String
        var keyType: KeyType?
        var files: ConfigurationFiles
    }

    private static func configure(_ configuration: ClusterConfiguration) throws(CephError) -> Configured {
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
        // By default librbd removes ten objects at a time. If nobody has set another number, the purge of a large image
        // takes little more than half the time with a much higher one.
        if rados.option(ManagementLimit.option) == "10" { try set(ManagementLimit.option, to: "64", in: rados) }
        // Nothing is read or written twice. A cache would only take memory for each open image.
        try set("rbd_cache", to: "false", in: rados)
        // By default, if librbd can't update an object map in time, it marks the map as invalid and writes anyway. If
        // it can't mark the map either, it reports nothing. The OSD may still carry out the write. A later removal then
        // trusts the map, and leaves that object behind.
        try set("rbd_invalidate_object_map_on_timeout", to: "false", in: rados)
        if let keyring = configuration.keyring { try set("keyring", to: keyring, in: rados) }
        try set("client_mount_timeout", to: "\(configuration.timeouts.connect)", in: rados)
        try set("rados_mon_op_timeout", to: "\(configuration.timeouts.monitor)", in: rados)
        try set("rados_osd_op_timeout", to: "\(configuration.timeouts.osd)", in: rados)
        let files = ConfigurationFiles(
            configFile: file ?? environmentVariable("CEPH_CONF"),
            cluster: name,
            keyring: rados.option("keyring")
        )
        return Configured(rados: rados, entity: entity, keyType: rados.keyType(of: entity), files: files)
    }

    private static func readFile(_ path: String?, into rados: RadosHandle) throws(CephError) {
        // If the path is nil, librados looks at CEPH_CONF and then at the default places.
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
        // Unlike rados_conf_parse_argv, this function takes no program name as the first argument.
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
