// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A setting: its name, meaning and default. The command line, the environment, the configuration file, `--help`,
/// `--print-config` and the table of `docs/settings.md` all use this list.
public struct Setting: Sendable {
    /// The name on the command line, without dashes, and in the configuration file.
    public var name: String
    /// The placeholder for the value in `--help`.
    public var valueName: String
    /// Nil if there is no default: then the setting is unset.
    public var defaultValue: String?
    public var help: String

    /// The name of its environment variable.
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
        "A port for /livez and /readyz only, in plain HTTP. Other requests can't keep it busy. 0 takes any free port. "
            + "Unset: they are answered on the service's own port only."
    )
    public static let unixSocket = Setting(
        "unix-socket",
        "PATH",
        "A Unix socket to listen on instead of an address. Anyone who can write to the socket has full access, unless "
            + "tokens are configured."
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
        "The socket's group, by name or number. Unset: the service's own group."
    )
    public static let tokenFile = Setting(
        "token-file",
        "FILE",
        "A YAML file of identities with their scopes and tokens. Read again when it changes. Unset: callers are not "
            + "authenticated."
    )
    public static let allowAnonymous = Setting(
        "allow-anonymous",
        "BOOLEAN",
        default: "false",
        "Allow an address that others can reach without authentication. Each start then logs a warning."
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
        "The service's certificate and its intermediate certificates, in PEM, for HTTPS. Read again when it changes. "
            + "Unset: plain HTTP."
    )
    public static let tlsKey = Setting("tls-key", "FILE", "The certificate's key, in PEM, without a passphrase.")
    public static let tlsClientCA = Setting(
        "tls-client-ca",
        "FILE",
        "The authorities of client certificates, in PEM. Clients may then send a certificate instead of a token. Read "
            + "again when it changes."
    )
    public static let webhookHost = Setting(
        "webhook-host",
        "ADDRESS",
        default: "127.0.0.1",
        "The address to listen on for Kubernetes' admission reviews, if webhook-tls-certificate is set."
    )
    public static let webhookPort = Setting(
        "webhook-port",
        "PORT",
        default: "8443",
        "The port to listen on for admission reviews; 0 takes any free one."
    )
    public static let webhookCertificate = Setting(
        "webhook-tls-certificate",
        "FILE",
        "The webhook's certificate and its intermediate certificates, in PEM. Read again when it changes. Unset: there "
            + "is no webhook."
    )
    public static let webhookKey = Setting(
        "webhook-tls-key",
        "FILE",
        "The key of the webhook's certificate, in PEM, without a passphrase."
    )
    public static let webhookClientCA = Setting(
        "webhook-tls-client-ca",
        "FILE",
        "The authorities of the API servers' certificates, in PEM. Only clients with such a certificate are answered. "
            + "Unset: all clients are."
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
        "The pools that may hold images of PersistentVolumes, separated by commas; * for all. Required with the "
            + "webhook. Without the webhook, unset means *."
    )
    public static let kubernetesClusterIDs = Setting(
        "kubernetes-cluster-ids",
        "IDS",
        "The names of this cluster in the clusterID of volumes, separated by commas; ID/NAMESPACE if the images are in "
            + "a namespace of RBD. Unset: the cluster's fsid."
    )
    public static let kubernetesOptIn = Setting(
        "kubernetes-opt-in",
        "BOOLEAN",
        default: "false",
        "Create images only for PersistentVolumes with the annotation rbd-rest-api.io/ensure: \"true\"."
    )
    public static let cephConf = Setting(
        "ceph-conf",
        "FILE",
        "Ceph's configuration file. Unset: the file in CEPH_CONF, otherwise Ceph's default paths such as "
            + "/etc/ceph/ceph.conf."
    )
    public static let cephUser = Setting(
        "ceph-user",
        "NAME",
        "The cephx user, such as \"kubernetes\" or \"client.kubernetes\". Unset: the user in ceph-args or CEPH_ARGS, "
            + "otherwise admin."
    )
    public static let cephKeyring = Setting(
        "ceph-keyring",
        "FILE",
        "The keyring with the user's key. Unset: the keyring in Ceph's configuration."
    )
    public static let cephArgs = Setting(
        "ceph-args",
        "ARGUMENTS",
        "Further options in the syntax of Ceph's own tools, such as \"--mon-host 10.0.0.1\". CEPH_ARGS is read before "
            + "them."
    )
    public static let connectTimeout = Setting(
        "ceph-connect-timeout",
        "SECONDS",
        default: "10",
        "The timeout of a connection attempt (client_mount_timeout)."
    )
    public static let monitorTimeout = Setting(
        "ceph-mon-timeout",
        "SECONDS",
        default: "10",
        "The timeout of a request to the monitors (rados_mon_op_timeout)."
    )
    public static let osdTimeout = Setting(
        "ceph-osd-timeout",
        "SECONDS",
        default: "20",
        "The timeout of reading or writing an object (rados_osd_op_timeout)."
    )
    public static let requestTimeout = Setting(
        "request-timeout",
        "SECONDS",
        default: "30",
        "How long a request may take. Later it is answered with 504."
    )
    public static let probeInterval = Setting(
        "probe-interval",
        "SECONDS",
        default: "5",
        "How often the connection to the cluster is checked for /readyz."
    )
    public static let shutdownDelay = Setting(
        "shutdown-delay",
        "SECONDS",
        default: "0",
        "How long the service goes on serving after SIGTERM while /readyz fails. Load balancers need a moment to "
            + "notice that."
    )
    public static let shutdownTimeout = Setting(
        "shutdown-timeout",
        "SECONDS",
        default: "35",
        "How long requests in flight may take to finish, after SIGTERM and the shutdown delay."
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
        "How many calls to Ceph may wait for a thread. If the queue is full, further requests are answered with 503."
    )
    public static let spareThreads = Setting(
        "call-spare-threads",
        "NUMBER",
        default: "48",
        "How many further threads may replace threads that hang in calls to Ceph."
    )
    public static let maximumConnections = Setting(
        "max-connections",
        "NUMBER",
        default: "8192",
        "The maximum number of connections. Further clients wait until others leave."
    )
    public static let connectionsPerAddress = Setting(
        "connections-per-address",
        "NUMBER",
        default: "0",
        "The maximum number of connections from one address; 0 for three quarters of max-connections. Further ones are "
            + "closed at once."
    )
    public static let memoryLimit = Setting(
        "memory-limit",
        "SIZE",
        default: "auto",
        "How much memory the process may use, such as 512MiB. Copies and large answers are limited to a share of it. "
            + "auto is the limit of the container."
    )
    public static let largestImage = Setting(
        "largest-image",
        "SIZE",
        "The largest size of an image, such as 10TiB. Unset: no limit."
    )
    public static let largestPage = Setting(
        "largest-page",
        "NUMBER",
        default: "10000",
        "The largest limit that a request for a list may have."
    )
    public static let operationsPerIdentity = Setting(
        "operations-per-identity",
        "NUMBER",
        "The maximum number of unfinished operations of one identity in one pool. Purges are accepted beyond it. "
            + "Unset: no limit."
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
        "The largest body of a request, in bytes."
    )
    public static let trashDelay = Setting(
        "trash-delay",
        "DURATION",
        default: "24h",
        "How long a deleted image can be restored if the request does not say: 90s, 30m, 24h, 7d."
    )
    public static let operationConcurrency = Setting(
        "operation-concurrency",
        "NUMBER",
        default: "4",
        "How many operations per pool each replica runs at once. It runs as many again for identities that would "
            + "otherwise wait for the operations of others."
    )
    public static let operationLease = Setting(
        "operation-lease",
        "DURATION",
        default: "15s",
        "How long a replica may be silent before another replica takes over its changes and operations."
    )
    public static let operationRetention = Setting(
        "operation-retention",
        "DURATION",
        default: "24h",
        "How long a finished operation can still be read."
    )
    public static let auditLog = Setting(
        "audit-log",
        "FILE",
        default: "-",
        "Where changes and refused requests are recorded, one JSON object per line: a file, which is reopened on "
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
        "The lowest level that is logged: trace, debug, info, notice, warning, error or critical."
    )
    public static let logFormat = Setting(
        "log-format",
        "FORMAT",
        default: "json",
        "The format of the log on standard error: json, one object per line, or text."
    )

    /// All settings, in the order of `--help`.
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
