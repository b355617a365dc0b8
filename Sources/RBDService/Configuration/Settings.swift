// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Logging
import RBDAPI

/// All settings of the service, in the order of `--help`. Each is declared here, and nowhere else in the code: the
/// command line, the environment, the configuration file, `--help` and `--print-config` follow from the declarations,
/// and ``ServiceConfiguration`` has each value under the name of the property.
public struct Settings: Sendable {
    public let host = Setting("host", .text("ADDRESS"), default: "127.0.0.1") { "The address to listen on." }
    public let port = Setting("port", .integer("PORT", in: 0...65_535), default: "8080") {
        "The port to listen on; 0 takes any free one."
    }
    public let healthPort = Setting("health-port", .integer("PORT", in: 0...65_535)) {
        "A port for /livez and /readyz only, in plain HTTP. Other requests can't keep it busy. 0 takes any free port. "
            + "Unset: they are answered on the service's own port only."
    }
    public let unixSocket = Setting("unix-socket", .text("PATH")) {
        "A Unix socket to listen on instead of an address. Anyone who can write to the socket has full access, unless "
            + "tokens are configured."
    }
    public let unixSocketMode = Setting("unix-socket-mode", .permissions, default: "0660") {
        "The socket's permission bits, in octal."
    }
    public let unixSocketGroup = Setting("unix-socket-group", .text("GROUP")) {
        "The socket's group, by name or number. Unset: the service's own group."
    }
    public let tokenFile = Setting("token-file", .text("FILE")) {
        "A YAML file of identities with their scopes and tokens. Read again when it changes. Unset: callers are not "
            + "authenticated."
    }
    public let allowsAnonymous = Setting("allow-anonymous", .flag, default: "false") {
        "Allow an address that others can reach without authentication. Each start then logs a warning."
    }
    public let corsAllowedOrigins = Setting("cors-allowed-origins", .list("ORIGINS")) {
        "The origins whose pages may use the service from a browser, such as https://console.example.com, separated by commas. "
            + "Unset: none."
    }
    public let tlsCertificate = Setting("tls-certificate", .text("FILE")) {
        "The service's certificate and its intermediate certificates, in PEM, for HTTPS. Read again when it changes. "
            + "Unset: plain HTTP."
    }
    public let tlsKey = Setting("tls-key", .text("FILE")) { "The certificate's key, in PEM, without a passphrase." }
    public let tlsClientCA = Setting("tls-client-ca", .text("FILE")) {
        "The authorities of client certificates, in PEM. Clients may then send a certificate instead of a token. Read "
            + "again when it changes."
    }
    public let webhookHost = Setting("webhook-host", .text("ADDRESS"), default: "127.0.0.1") {
        "The address to listen on for Kubernetes' admission reviews, if webhook-tls-certificate is set."
    }
    public let webhookPort = Setting("webhook-port", .integer("PORT", in: 0...65_535), default: "8443") {
        "The port to listen on for admission reviews; 0 takes any free one."
    }
    public let webhookCertificate = Setting("webhook-tls-certificate", .text("FILE")) {
        "The webhook's certificate and its intermediate certificates, in PEM. Read again when it changes. Unset: there "
            + "is no webhook."
    }
    public let webhookKey = Setting("webhook-tls-key", .text("FILE")) {
        "The key of the webhook's certificate, in PEM, without a passphrase."
    }
    public let webhookClientCA = Setting("webhook-tls-client-ca", .text("FILE")) {
        "The authorities of the API servers' certificates, in PEM. Only clients with such a certificate are answered. "
            + "Unset: all clients are."
    }
    public let kubernetesDrivers = Setting("kubernetes-drivers", .list("NAMES"), default: "rbd.csi.ceph.com") {
        "The CSI drivers whose static volumes get an image, separated by commas. *.rbd.csi.ceph.com includes all drivers "
            + "whose names end so, such as Rook's."
    }
    public let kubernetesPools = Setting("kubernetes-pools", .list("POOLS")) {
        "The pools that may hold images of PersistentVolumes, separated by commas; * for all. Required with the "
            + "webhook. Without the webhook, unset means *."
    }
    public let kubernetesClusterIDs = Setting("kubernetes-cluster-ids", .list("IDS")) {
        "The names of this cluster in the clusterID of volumes, separated by commas; ID/NAMESPACE if the images are in "
            + "a namespace of RBD. Unset: the cluster's fsid."
    }
    public let kubernetesOptIn = Setting("kubernetes-opt-in", .flag, default: "false") {
        "Create images only for PersistentVolumes with the annotation rbd-rest-api.io/ensure: \"true\"."
    }
    public let kubernetesQuiet = Setting("kubernetes-quiet", .flag, default: "false") {
        "The webhook's warnings name only what is unusual, and not that an image was created or found as it should be."
    }
    public let kubernetesController = Setting("kubernetes-controller", .flag, default: "false") {
        "Look after static PersistentVolumes all their life: create missing images, grow images with their volumes, and move "
            + "images to the trash with their volumes if these ask for that. Needs kubernetes-pools."
    }
    public let kubernetesKubeconfig = Setting("kubernetes-kubeconfig", .text("FILE")) {
        "The kubeconfig of the controller. Unset: the service account of the pod."
    }
    public let kubernetesLease = Setting(
        "kubernetes-lease",
        .text("NAMESPACE/NAME"),
        default: "rbd-rest-api/rbd-rest-api-controller"
    ) {
        "The Lease by which the replicas elect the one whose controller works."
    }
    public let kubernetesOrphans: Setting<OrphanHandling> = Setting(
        "kubernetes-orphans",
        .choice("HANDLING"),
        default: "report"
    ) {
        "What the controller does with an image that the webhook has made for a PersistentVolume that does not exist: "
            + "report it, or move it to the trash if it is certainly empty and unused. trash is only for a webhook "
            + "that no other Kubernetes cluster calls."
    }
    public let kubernetesOrphanAge = Setting(
        "kubernetes-orphan-age",
        .duration(in: .seconds(60)...DurationText.maximum),
        default: "10m"
    ) {
        "How old such an image must be. The API server stores a PersistentVolume soon after the webhook has made its "
            + "image."
    }
    public let cephConf = Setting("ceph-conf", .text("FILE")) {
        "Ceph's configuration file. Unset: the file in CEPH_CONF, otherwise Ceph's default paths such as "
            + "/etc/ceph/ceph.conf."
    }
    public let cephUser = Setting("ceph-user", .text("NAME")) {
        "The cephx user, such as \"kubernetes\" or \"client.kubernetes\". Unset: the user in ceph-args or CEPH_ARGS, "
            + "otherwise admin."
    }
    public let cephKeyring = Setting("ceph-keyring", .text("FILE")) {
        "The keyring with the user's key. Unset: the keyring in Ceph's configuration."
    }
    public let cephArgs = Setting("ceph-args", .text("ARGUMENTS")) {
        "Further options in the syntax of Ceph's own tools, such as \"--mon-host 10.0.0.1\". CEPH_ARGS is read before "
            + "them."
    }
    public let connectTimeout = Setting("ceph-connect-timeout", .integer("SECONDS", in: 1...3600), default: "10") {
        "The timeout of a connection attempt (client_mount_timeout)."
    }
    public let monitorTimeout = Setting("ceph-mon-timeout", .integer("SECONDS", in: 1...3600), default: "10") {
        "The timeout of a request to the monitors (rados_mon_op_timeout)."
    }
    public let osdTimeout = Setting("ceph-osd-timeout", .integer("SECONDS", in: 1...3600), default: "20") {
        "The timeout of reading or writing an object (rados_osd_op_timeout)."
    }
    public let requestTimeout = Setting("request-timeout", .seconds(in: 1...3600), default: "30") {
        "How long a request may take. Later it is answered with 504."
    }
    public let probeInterval = Setting("probe-interval", .seconds(in: 1...3600), default: "5") {
        "How often the connection to the cluster is checked for /readyz."
    }
    public let shutdownDelay = Setting("shutdown-delay", .seconds(in: 0...3600), default: "0") {
        "How long the service goes on serving after SIGTERM while /readyz fails. Load balancers need a moment to "
            + "notice that."
    }
    public let shutdownTimeout = Setting("shutdown-timeout", .seconds(in: 1...3600), default: "35") {
        "How long requests in flight may take to finish, after SIGTERM and the shutdown delay."
    }
    public let callThreads = Setting("call-threads", .integer("NUMBER", in: 1...1024), default: "16") {
        "How many calls to Ceph may run at once."
    }
    public let callQueue = Setting("call-queue", .integer("NUMBER", in: 0...65_536), default: "256") {
        "How many calls to Ceph may wait for a thread. If the queue is full, further requests are answered with 503."
    }
    public let spareThreads = Setting("call-spare-threads", .integer("NUMBER", in: 0...1024), default: "48") {
        "How many further threads may replace threads that hang in calls to Ceph."
    }
    public let maximumConnections = Setting("max-connections", .integer("NUMBER", in: 1...1_000_000), default: "8192") {
        "The maximum number of connections. Further clients wait until others leave."
    }
    public let connectionsPerAddress = Setting(
        "connections-per-address",
        .integer("NUMBER", in: 0...1_000_000),
        default: "0"
    ) {
        "The maximum number of connections from one address; 0 for three quarters of max-connections. Further ones are "
            + "closed at once."
    }
    let memoryLimit = Setting("memory-limit", .memory, default: "auto") {
        "How much memory the process may use, such as 512MiB. Copies and large answers are limited to a share of it. "
            + "auto is the limit of the container."
    }
    let largestImage = Setting("largest-image", .size) {
        "The largest size of an image, such as 10TiB. Unset: no limit."
    }
    public let largestPage = Setting("largest-page", .integer("NUMBER", in: 1...Query.maximumLimit), default: "10000") {
        "The largest limit that a request for a list may have."
    }
    public let idleTimeout = Setting("idle-timeout", .seconds(in: 1...3600), default: "75") {
        "How long a connection may wait for its next request."
    }
    public let headerTimeout = Setting("header-timeout", .seconds(in: 1...3600), default: "10") {
        "How long the head of a request may take to arrive."
    }
    public let bodyTimeout = Setting("body-timeout", .seconds(in: 1...3600), default: "20") {
        "How long the body of a request may take to arrive."
    }
    public let maximumBodyBytes = Setting("max-body-bytes", .integer("BYTES", in: 1024...(64 << 20)), default: "65536")
    {
        "The largest body of a request, in bytes."
    }
    public let trashDelay = Setting("trash-delay", .duration(in: .zero...DurationText.maximum), default: "24h") {
        "How long a deleted image can be restored if the request does not say: 90s, 30m, 24h, 7d."
    }
    public let operationConcurrency = Setting("operation-concurrency", .integer("NUMBER", in: 1...64), default: "4") {
        "How many operations per pool each replica runs at once. It runs as many again for identities that would "
            + "otherwise wait for the operations of others."
    }
    public let operationsPerIdentity = Setting("operations-per-identity", .integer("NUMBER", in: 1...1_000_000)) {
        "The maximum number of unfinished operations of one identity in one pool. Purges are accepted beyond it. "
            + "Unset: no limit."
    }
    public let operationLease = Setting("operation-lease", .duration(in: .seconds(3) ... .seconds(600)), default: "15s")
    {
        "How long a replica may be silent before another replica takes over its changes and operations."
    }
    public let operationRetention = Setting(
        "operation-retention",
        .duration(in: .zero...DurationText.maximum),
        default: "24h"
    ) {
        "How long a finished operation can still be read."
    }
    let auditLog = Setting("audit-log", .auditTarget, default: "-") {
        "Where changes and refused requests are recorded, one JSON object per line: a file, which is reopened on "
            + "SIGHUP; - for standard output; off."
    }
    public let requiresAudit = Setting("audit-required", .flag, default: "true") {
        "Refuse changes while the audit log can't be written."
    }
    public let logLevel: Setting<Logger.Level> = Setting("log-level", .choice("LEVEL"), default: "info") {
        "The lowest level that is logged: trace, debug, info, notice, warning, error or critical."
    }
    public let logFormat: Setting<LogFormat> = Setting("log-format", .choice("FORMAT"), default: "json") {
        "The format of the log on standard error: json, one object per line, or text."
    }

    /// The declarations, by their properties.
    public static let declared = Settings()

    /// All of them, in their order.
    public static let all: [any SettingDeclaration] = Mirror(reflecting: declared).children.compactMap { child in
        child.value as? any SettingDeclaration
    }
}
