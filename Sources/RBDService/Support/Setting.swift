// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A setting: its name, what it means, and what it is when nobody says. The command line, the environment, the
/// configuration file, `--help`, `--print-config` and the table of `docs/settings.md` all come from this one list.
public struct Setting: Sendable {
    /// As on the command line, without the dashes, and in the configuration file.
    public var name: String
    /// What `--help` writes for the value.
    public var valueName: String
    /// Nil where there is none and the setting stays unset.
    public var defaultValue: String?
    public var help: String

    /// The environment's name for it.
    public var environmentName: String {
        "RBD_REST_API_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    init(_ name: String, _ valueName: String, default defaultValue: String? = nil, _ help: String) {
        self.name = name
        self.valueName = valueName
        self.defaultValue = defaultValue
        self.help = help
    }
}

extension Setting {
    public static let host = Setting("host", "ADDRESS", default: "127.0.0.1", "The address to listen on.")
    public static let port = Setting("port", "PORT", default: "8080", "The port to listen on; 0 takes any free one.")
    public static let healthPort = Setting(
        "health-port",
        "PORT",
        "A port for /livez and /readyz alone, in plain HTTP, which the service's other callers can't keep busy; 0 takes any free one. "
            + "Unset: they are answered on the service's own port only."
    )
    public static let unixSocket = Setting(
        "unix-socket",
        "PATH",
        "A UNIX socket to listen on instead of an address. Who may write to it may ask for anything, unless there are tokens."
    )
    public static let unixSocketMode = Setting(
        "unix-socket-mode",
        "MODE",
        default: "0660",
        "The socket's permission bits, in octal."
    )
    public static let unixSocketGroup = Setting(
        "unix-socket-group",
        "GROUP",
        "The socket's group, by name or number. Unset: the service's own."
    )
    public static let tokenFile = Setting(
        "token-file",
        "FILE",
        "Who may ask for anything: a YAML file of identities and their tokens, read again when it changes. Unset: nobody is "
            + "asked who he is."
    )
    public static let allowAnonymous = Setting(
        "allow-anonymous",
        "BOOLEAN",
        default: "false",
        "Listen where others can reach the service although nobody is asked who he is; each start is logged then."
    )
    public static let corsAllowedOrigins = Setting(
        "cors-allowed-origins",
        "ORIGINS",
        "The origins whose pages may use the service from a browser, such as https://console.example.com, separated by commas. "
            + "Unset: none."
    )
    public static let tlsCertificate = Setting(
        "tls-certificate",
        "FILE",
        "The service's certificate and those that lead to a trusted one, in PEM: HTTPS is spoken then. Read again when it changes."
    )
    public static let tlsKey = Setting("tls-key", "FILE", "The certificate's key, in PEM, without a passphrase.")
    public static let tlsClientCA = Setting(
        "tls-client-ca",
        "FILE",
        "Who vouches for clients' certificates, in PEM: clients may show one then instead of a token. Read again when it changes."
    )
    public static let webhookHost = Setting(
        "webhook-host",
        "ADDRESS",
        default: "127.0.0.1",
        "The address to listen on for Kubernetes' admission reviews, where webhook-tls-certificate is set."
    )
    public static let webhookPort = Setting(
        "webhook-port",
        "PORT",
        default: "8443",
        "The port to listen on for them; 0 takes any free one."
    )
    public static let webhookCertificate = Setting(
        "webhook-tls-certificate",
        "FILE",
        "The certificate to answer admission reviews with, in PEM. Read again when it changes. Unset: none are answered."
    )
    public static let webhookKey = Setting(
        "webhook-tls-key",
        "FILE",
        "That certificate's key, in PEM, without a passphrase."
    )
    public static let webhookClientCA = Setting(
        "webhook-tls-client-ca",
        "FILE",
        "Who vouches for the API servers' certificates, in PEM: only who shows one is answered then. Unset: whoever can reach the "
            + "port."
    )
    public static let kubernetesDrivers = Setting(
        "kubernetes-drivers",
        "NAMES",
        default: "rbd.csi.ceph.com",
        "The CSI drivers whose static volumes get an image, separated by commas."
    )
    public static let kubernetesPools = Setting(
        "kubernetes-pools",
        "POOLS",
        "The pools that images of PersistentVolumes may be in, separated by commas; * for all. The webhook asks for it; without the "
            + "webhook unset is as good as *."
    )
    public static let kubernetesClusterIDs = Setting(
        "kubernetes-cluster-ids",
        "IDS",
        "What this cluster is called in volumes' clusterID, separated by commas; ID/NAMESPACE where images are in a namespace of "
            + "RBD. Unset: the cluster's fsid."
    )
    public static let kubernetesOptIn = Setting(
        "kubernetes-opt-in",
        "BOOLEAN",
        default: "false",
        "Look after those PersistentVolumes only that are annotated rbd-rest-api.io/ensure: \"true\"."
    )
    public static let cephConf = Setting(
        "ceph-conf",
        "FILE",
        "Ceph's configuration file. Unset: CEPH_CONF, then Ceph's default places such as /etc/ceph/ceph.conf."
    )
    public static let cephUser = Setting(
        "ceph-user",
        "NAME",
        "The cephx user to be, such as \"kubernetes\" or \"client.kubernetes\". Unset: what the arguments name, else admin."
    )
    public static let cephKeyring = Setting(
        "ceph-keyring",
        "FILE",
        "The keyring that holds the user's key. Unset: what Ceph's configuration names."
    )
    public static let cephArgs = Setting(
        "ceph-args",
        "ARGUMENTS",
        "Further options as Ceph's own tools take them, such as \"--mon-host 10.0.0.1\"; CEPH_ARGS is read before them."
    )
    public static let connectTimeout = Setting(
        "ceph-connect-timeout",
        "SECONDS",
        default: "10",
        "When to give up a connection attempt (client_mount_timeout)."
    )
    public static let monitorTimeout = Setting(
        "ceph-mon-timeout",
        "SECONDS",
        default: "10",
        "When to give up what the monitors were asked (rados_mon_op_timeout)."
    )
    public static let osdTimeout = Setting(
        "ceph-osd-timeout",
        "SECONDS",
        default: "20",
        "When to give up reading or writing an object (rados_osd_op_timeout)."
    )
    public static let requestTimeout = Setting(
        "request-timeout",
        "SECONDS",
        default: "30",
        "By when every request is answered, if only with 504."
    )
    public static let probeInterval = Setting(
        "probe-interval",
        "SECONDS",
        default: "5",
        "How often the cluster is looked at for /readyz."
    )
    public static let shutdownDelay = Setting(
        "shutdown-delay",
        "SECONDS",
        default: "0",
        "How long to go on serving after SIGTERM, while /readyz says no: balancers need a moment to learn of it."
    )
    public static let shutdownTimeout = Setting(
        "shutdown-timeout",
        "SECONDS",
        default: "35",
        "How long requests in flight may take to end after SIGTERM and that delay."
    )
    public static let callThreads = Setting(
        "call-threads",
        "NUMBER",
        default: "16",
        "How many calls to Ceph may run at once."
    )
    public static let callQueue = Setting(
        "call-queue",
        "NUMBER",
        default: "256",
        "How many calls may wait for their turn; one more is answered 503."
    )
    public static let spareThreads = Setting(
        "call-spare-threads",
        "NUMBER",
        default: "48",
        "How many further threads may stand in for ones that hang in Ceph."
    )
    public static let maximumConnections = Setting(
        "max-connections",
        "NUMBER",
        default: "8192",
        "How many clients may be connected; more wait until others leave."
    )
    public static let connectionsPerAddress = Setting(
        "connections-per-address",
        "NUMBER",
        default: "0",
        "How many of them may come from one address; 0 for three quarters of --max-connections. More are closed at once."
    )
    public static let memoryLimit = Setting(
        "memory-limit",
        "SIZE",
        default: "auto",
        "How much memory the process may take, such as 512MiB: copies and large answers keep within a share of it. auto is "
            + "the limit of the container."
    )
    public static let largestImage = Setting(
        "largest-image",
        "SIZE",
        "The largest size that an image may be given, such as 10TiB."
    )
    public static let largestPage = Setting(
        "largest-page",
        "NUMBER",
        default: "10000",
        "The largest limit that may be asked for in a list."
    )
    public static let operationsPerIdentity = Setting(
        "operations-per-identity",
        "NUMBER",
        "How many operations of one identity may be unfinished in one pool; purges are begun all the same."
    )
    public static let idleTimeout = Setting(
        "idle-timeout",
        "SECONDS",
        default: "75",
        "How long a connection may wait for its next request."
    )
    public static let headerTimeout = Setting(
        "header-timeout",
        "SECONDS",
        default: "10",
        "How long the head of a request may take to arrive."
    )
    public static let bodyTimeout = Setting(
        "body-timeout",
        "SECONDS",
        default: "20",
        "How long the body of a request may take to arrive."
    )
    public static let maximumBodyBytes = Setting(
        "max-body-bytes",
        "BYTES",
        default: "65536",
        "The largest body that a request may have."
    )
    public static let trashDelay = Setting(
        "trash-delay",
        "DURATION",
        default: "24h",
        "How long a deleted image can be restored, where the request does not say: 90s, 30m, 24h, 7d."
    )
    public static let operationConcurrency = Setting(
        "operation-concurrency",
        "NUMBER",
        default: "4",
        "How many operations of one pool each replica works on at once; as many again for identities that would have to wait "
            + "for the work of others."
    )
    public static let operationLease = Setting(
        "operation-lease",
        "DURATION",
        default: "15s",
        "By when another replica takes over from one that died: its changes, and its operations."
    )
    public static let operationRetention = Setting(
        "operation-retention",
        "DURATION",
        default: "24h",
        "How long a finished operation can be asked for."
    )
    public static let auditLog = Setting(
        "audit-log",
        "FILE",
        default: "-",
        "Where changes and refused attempts are put on record, one JSON object per line: a file, which is opened anew on "
            + "SIGHUP; - for standard output; off."
    )
    public static let auditRequired = Setting(
        "audit-required",
        "BOOLEAN",
        default: "true",
        "Refuse changes while the audit log can't be written."
    )
    public static let logLevel = Setting(
        "log-level",
        "LEVEL",
        default: "info",
        "trace, debug, info, notice, warning, error or critical."
    )
    public static let logFormat = Setting(
        "log-format",
        "FORMAT",
        default: "json",
        "How the log is written to standard error: json, one object per line, or text."
    )

    /// All of them, in the order of `--help`.
    public static let all: [Setting] = [
        host, port, healthPort, unixSocket, unixSocketMode, unixSocketGroup,
        tokenFile, allowAnonymous, corsAllowedOrigins, tlsCertificate, tlsKey, tlsClientCA,
        webhookHost, webhookPort, webhookCertificate, webhookKey, webhookClientCA,
        kubernetesDrivers, kubernetesPools, kubernetesClusterIDs, kubernetesOptIn,
        cephConf, cephUser, cephKeyring, cephArgs,
        connectTimeout, monitorTimeout, osdTimeout,
        requestTimeout, probeInterval, shutdownDelay, shutdownTimeout, callThreads, callQueue, spareThreads,
        maximumConnections, connectionsPerAddress, memoryLimit, largestImage, largestPage,
        idleTimeout, headerTimeout, bodyTimeout, maximumBodyBytes,
        trashDelay, operationConcurrency, operationsPerIdentity, operationLease, operationRetention,
        auditLog, auditRequired, logLevel, logFormat,
    ]
}
