// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A metric of the service: its name, labels and meaning. The help lines of `/metrics` and the table of
/// `docs/metrics.md` come from this list.
struct Metric: Hashable, Sendable {
    enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    var name: String
    var kind: Kind
    var labels: [String]
    var help: String

    init(_ name: String, _ kind: Kind, labels: [String] = [], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }
}

extension Metric {
    static let httpRequests = Metric(
        "rbd_rest_api_http_requests_total",
        .counter,
        labels: ["method", "route", "status"],
        "Requests answered."
    )
    static let httpRequestDuration = Metric(
        "rbd_rest_api_http_request_duration_seconds",
        .histogram,
        labels: ["method", "route"],
        "Time from a request's head to its answer."
    )
    static let httpRequestsInFlight = Metric(
        "rbd_rest_api_http_requests_in_flight",
        .gauge,
        "Requests that are being answered, including the one that reads this."
    )
    static let httpRefusals = Metric(
        "rbd_rest_api_http_refused_total",
        .counter,
        labels: ["code"],
        "Requests refused before they reached a route: malformed, too large, too slow."
    )
    static let admissionReviews = Metric(
        "rbd_rest_api_admission_reviews_total",
        .counter,
        labels: ["verdict", "code", "dry_run"],
        "Kubernetes' admission reviews: created, adopted, skipped (not for this service) or denied. For denied ones, "
            + "code is the problem's."
    )
    static let controllerLeader = Metric(
        "rbd_rest_api_kubernetes_leader",
        .gauge,
        "1 while this process is the one whose controller looks after PersistentVolumes."
    )
    static let controllerQueueLength = Metric(
        "rbd_rest_api_kubernetes_queue_length",
        .gauge,
        labels: ["state"],
        "PersistentVolumes that the controller has to look at: ready, delayed or running."
    )
    static let controllerWork = Metric(
        "rbd_rest_api_kubernetes_work_total",
        .counter,
        labels: ["outcome"],
        "Steps of the controller: created, grown, trashed (images), claim-updated, noted (which image a volume has), held, "
            + "released, deleted (volumes), orphan-trashed (images without a volume), or unchanged, waiting, reported, "
            + "failed."
    )
    static let controllerWatchAge = Metric(
        "rbd_rest_api_kubernetes_watch_age_seconds",
        .gauge,
        labels: ["resource"],
        "Time since the API server has last told the controller anything; it does so at least once a minute."
    )
    static let controllerEventsLost = Metric(
        "rbd_rest_api_kubernetes_events_lost_total",
        .counter,
        labels: ["reason"],
        "Reports of the controller that became no Event: limit (too many about one volume or claim, or about too many of "
            + "them) or failure (the API server has not taken it)."
    )
    static let orphanedImages = Metric(
        "rbd_rest_api_kubernetes_orphaned_images",
        .gauge,
        labels: ["state"],
        "Images that the webhook has made for volumes that do not exist: unused if that is certain, or doubtful."
    )
    static let cephCallDuration = Metric(
        "rbd_rest_api_ceph_call_duration_seconds",
        .histogram,
        labels: ["operation", "outcome"],
        "Time of a call to the cluster, including the wait for a thread. The outcome is ok or the error."
    )
    static let callThreads = Metric("rbd_rest_api_call_threads", .gauge, "Threads for calls to the cluster.")
    static let callThreadsRunning = Metric(
        "rbd_rest_api_call_threads_running",
        .gauge,
        "Threads that are running a call to the cluster."
    )
    static let callThreadsStuck = Metric(
        "rbd_rest_api_call_threads_stuck",
        .gauge,
        "Threads in a call that its caller abandoned at the deadline."
    )
    static let callQueueLength = Metric(
        "rbd_rest_api_call_queue_length",
        .gauge,
        "Calls to the cluster that are waiting for a thread."
    )
    static let breakerOpen = Metric(
        "rbd_rest_api_breaker_open",
        .gauge,
        labels: ["scope", "pool"],
        "1 while calls to the monitors, or to a pool that has failed, are refused at once."
    )
    static let breakerOpenings = Metric(
        "rbd_rest_api_breaker_openings_total",
        .counter,
        labels: ["scope", "pool"],
        "How often calls to the monitors or the pool began to be refused."
    )
    static let operationsRunning = Metric(
        "rbd_rest_api_operations_running",
        .gauge,
        "Operations that this process is running."
    )
    static let operationsFinished = Metric(
        "rbd_rest_api_operations_finished_total",
        .counter,
        labels: ["kind", "outcome"],
        "Operations that this process has ended."
    )
    static let auditLines = Metric(
        "rbd_rest_api_audit_lines_total",
        .counter,
        labels: ["outcome"],
        "Lines of the audit log, written or lost."
    )
    static let auditLinesPending = Metric(
        "rbd_rest_api_audit_lines_pending",
        .gauge,
        "Lines of the audit log that are waiting to be written. More than a few mean that it can't be written."
    )
    static let requestsWaiting = Metric(
        "rbd_rest_api_requests_waiting",
        .gauge,
        "Requests that are waiting for others of the same identity, because other identities send requests, too."
    )
    static let takeovers = Metric(
        "rbd_rest_api_takeovers_total",
        .counter,
        "Ceph clients of silent replicas that this process has blocklisted."
    )
    static let connectionGeneration = Metric(
        "rbd_rest_api_connection_generation",
        .gauge,
        "Connections to the cluster that were made since the start."
    )
    static let clusterConnected = Metric(
        "rbd_rest_api_cluster_connected",
        .gauge,
        "1 while the cluster answers, as in /readyz."
    )
    static let buildInfo = Metric(
        "rbd_rest_api_build_info",
        .gauge,
        labels: ["version", "librados"],
        "Always 1; the labels contain the versions of the service and of librados."
    )
    static let residentMemory = Metric("process_resident_memory_bytes", .gauge, "Memory of the process in RAM.")
    static let openFiles = Metric("process_open_fds", .gauge, "Open file descriptors.")
    static let maximumFiles = Metric("process_max_fds", .gauge, "The limit of open file descriptors.")
    static let startTime = Metric("process_start_time_seconds", .gauge, "When the process started, in Unix time.")
    static let processorTime = Metric(
        "process_cpu_seconds_total",
        .counter,
        "Processor time spent, in user and in system mode."
    )

    /// All metrics, in the order of `docs/metrics.md`.
    static let all: [Metric] = [
        httpRequests, httpRequestDuration, httpRequestsInFlight, httpRefusals, admissionReviews,
        controllerLeader, controllerQueueLength, controllerWork, controllerWatchAge, controllerEventsLost,
        orphanedImages,
        cephCallDuration,
        callThreads,
        callThreadsRunning,
        callThreadsStuck, callQueueLength, breakerOpen, breakerOpenings, operationsRunning,
        operationsFinished, auditLines, auditLinesPending, requestsWaiting, takeovers, connectionGeneration,
        clusterConnected,
        buildInfo,
        residentMemory, openFiles, maximumFiles, startTime, processorTime,
    ]
}

/// A value that is read for each request of /metrics.
struct MetricSample: Sendable {
    var metric: Metric
    /// The values of the metric's labels, in their order. They come from a bounded set, never from a request.
    var labels: [String]
    var value: Double

    init(_ metric: Metric, labels: [String] = [], _ value: Double) {
        self.metric = metric
        self.labels = labels
        self.value = value
    }
}
