// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// How to find a cluster, and which user to be there. Later sources override earlier ones: the configuration file,
/// `CEPH_KEYRING`, `CEPH_ARGS`, `arguments`, then `user`, `keyring` and `options`.
public struct ClusterConfiguration: Hashable, Sendable {
    /// Path of a ceph.conf. Nil: the file that the arguments name, then `CEPH_CONF`, then Ceph's default places
    /// (`/etc/ceph/ceph.conf`, `~/.ceph/ceph.conf`, `ceph.conf`).
    public var configFile: String?
    /// The cephx user, as `name` or `client.name`. Nil: the user that the arguments name, else `admin`.
    public var user: String?
    /// Path of the keyring that holds the user's key. Nil: the configuration's.
    public var keyring: String?
    /// Ceph's own command line options, such as `["--mon-host", "10.0.0.1", "--id", "kubernetes"]`.
    public var arguments: [String]
    /// Ceph's configuration options by name, such as `["rbd_default_features": "layering"]`.
    public var options: [String: String]
    public var timeouts: Timeouts

    /// The timeouts of librados in whole seconds. Its own defaults are 300 s for connecting and none for the rest.
    public struct Timeouts: Hashable, Sendable {
        /// `client_mount_timeout`: for connecting.
        public var connect: Int
        /// `rados_mon_op_timeout`: for requests to the monitors.
        public var monitor: Int
        /// `rados_osd_op_timeout`: for reading and writing objects.
        public var osd: Int

        public init(connect: Int = 10, monitor: Int = 10, osd: Int = 20) {
            self.connect = connect
            self.monitor = monitor
            self.osd = osd
        }
    }

    public init(
        configFile: String? = nil,
        user: String? = nil,
        keyring: String? = nil,
        arguments: [String] = [],
        options: [String: String] = [:],
        timeouts: Timeouts = Timeouts()
    ) {
        self.configFile = configFile
        self.user = user
        self.keyring = keyring
        self.arguments = arguments
        self.options = options
        self.timeouts = timeouts
    }
}

/// A parsed Ceph command line.
///
/// `rados_conf_parse_argv` has three traps that make it look as if arguments did nothing. It skips the first argument
/// as the program's name. It ignores unknown arguments silently. And it ignores `--id`, `--name`, `--conf` and
/// `--cluster`, because `rados_create2` fixes the identity before any argument is read. Like Ceph's own tools, this
/// type takes those options out, and passes the rest to `rados_conf_parse_argv_remainder`, which has neither of the
/// other traps.
struct CephArguments: Hashable {
    var configFile: String?
    /// `client.name`.
    var entity: String?
    var cluster: String?
    /// The arguments for `rados_conf_parse_argv_remainder`.
    var rest: [String] = []

    init(_ arguments: [String]) throws(CephError) {
        var left = arguments[...]
        while let argument = left.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            func value() throws(CephError) -> String {
                if parts.count == 2 { return parts[1] }
                if let next = left.popFirst() { return next }
                throw CephError(.invalidConfiguration, .configure, on: .cluster, detail: "\(argument) needs a value")
            }
            switch parts[0] {
            case "-c", "--conf": configFile = try value()
            case "--id", "--user": entity = try "client.\(value())"
            case "-n", "--name": entity = try value()
            case "--cluster": cluster = try value()
            default: rest.append(argument)
            }
        }
    }

    /// Splits a text as Ceph splits `CEPH_ARGS`: at white space, without quoting.
    init(splitting text: String) throws(CephError) {
        try self.init(text.split(whereSeparator: \.isWhitespace).map(String.init))
    }
}
