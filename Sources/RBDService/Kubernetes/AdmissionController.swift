// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Hummingbird
import NIOCore
import Naming
import RBDAPI

/// `POST /kubernetes/v1/admission/persistentvolumes`: a validating admission webhook of `admission.k8s.io/v1`.
///
/// It never refuses volumes that it is not responsible for, and never changes the object. It only creates the image. It
/// allows every change of an existing volume, and warns if the volume outgrows its image.
struct AdmissionController: Sendable {
    /// An API server accepts 3 MiB from its clients. A review contains the object twice, with managed fields.
    static let maximumBodyBytes = 8 << 20

    let service: VolumeService
    /// The service's timeout for any request.
    let timeout: Duration
    let metrics: ReviewMetrics
    /// The uid of the Lease of this service's controllers; nil if there are none, or as long as it is not known.
    let leaseUID: @Sendable () -> String?

    /// The webhook's own port authenticates callers by TLS only. Most reviews are about volumes of other drivers, so
    /// the handler decides which of them are audited.
    var endpoints: [Endpoint] {
        [
            Endpoint(
                .post,
                "/kubernetes/v1/admission/persistentvolumes",
                .everybody,
                query: nil,
                bodyLimit: Self.maximumBodyBytes,
                isAudited: false,
                review
            )
        ]
    }

    @Sendable private func review(_ call: Call) async throws -> Answer {
        let deadline = ContinuousClock.now + min(timeout, try AdmissionTimeout.budget(of: call.query))
        let review = try await call.foreignBody(AdmissionReview.self)
        guard review.kind == AdmissionReview.kind, review.apiVersion == AdmissionReview.apiVersion else {
            throw Problem(
                .malformedBody,
                "apiVersion",
                "\"\(review.apiVersion.prefix(64))\", \(review.kind.prefix(64)) is not \(AdmissionReview.kind) of "
                    + AdmissionReview.apiVersion,
                hint: "admissionReviewVersions of the webhook's configuration must be [\"v1\"]"
            )
        }
        guard let admission = review.request else { throw Problem(.malformedBody, "request", "it is missing") }
        guard !admission.uid.isEmpty else { throw Problem(.malformedBody, "request.uid", "it is empty") }
        guard admission.isNewVolume else {
            let told = await Deadline.$current.withValue(deadline) { await warnings(onChange: admission) }
            metrics.allowed(.skipped, isDryRun: admission.dryRun ?? false)
            return .json(AdmissionAnswer.allowed(admission.uid, warnings: told.map(AdmissionWarning.text)))
        }
        // The timeout includes the wait for the audit log.
        AuditNotes.current?.set(deadline: deadline)
        do {
            let outcome = try await Deadline.$current.withValue(deadline) { try await ensure(admission) }
            metrics.allowed(outcome.outcome, isDryRun: outcome.dryRun)
            return .json(AdmissionAnswer.allowed(admission.uid, warnings: outcome.warnings.map(AdmissionWarning.text)))
        } catch {
            let problem = Problem(thrown: error, logger: call.context.requestLogger)
            RequestNotes.current?.set(problem)
            if problem.status == 403 { AuditNotes.current?.refuse() }
            metrics.denied(problem, isDryRun: admission.dryRun ?? false)
            let volume = try? admission.object?.volume.get().metadata.name
            return .json(
                AdmissionAnswer.denied(admission.uid, problem, volume: volume, requestID: call.context.requestID)
            )
        }
    }

    private func warnings(onChange admission: AdmissionReview.Request) async -> [String] {
        guard admission.isChangedVolume, let old = try? admission.oldObject?.volume.get(),
            let new = try? admission.object?.volume.get()
        else { return [] }
        return await service.warnings(onChangeOf: old, to: new)
    }

    private func ensure(_ admission: AdmissionReview.Request) async throws -> VolumeOutcome {
        let object: PersistentVolume?
        do { object = try admission.object?.volume.get() } catch { throw Problem(error) }
        guard let object else { throw Problem(.malformedBody, "request.object", "it must not be null") }
        let isDryRun = admission.dryRun ?? false
        AuditNotes.current?.set(["volume": object.name, "user": admission.userInfo?.username ?? ""])
        RequestNotes.current?.set(volume: object.name)
        return try await service.ensure(
            object,
            isDryRun: isDryRun,
            review: VolumeReview(
                volume: object.name,
                volumeUID: object.metadata.uid ?? "",
                uid: admission.uid,
                lease: leaseUID()
            ),
            admit: { demand in
                AuditNotes.current?.set(object: demand.place.image(demand.image))
                if !isDryRun { try await AuditNotes.current?.begin(.create) }
            }
        )
    }
}

/// How long the API server waits for an answer: `?timeout=10s`, in the format of Go's durations.
enum AdmissionTimeout {
    /// The default of `timeoutSeconds`.
    static let standard = Duration.seconds(10)
    /// The minimum of `timeoutSeconds`.
    static let shortest = Duration.seconds(1)
    /// The part of the timeout that is kept for the network, and for a busy machine.
    static let largestMargin = Duration.seconds(1)

    /// - Returns: how long the answer may take.
    /// - Throws: `Problem` with `invalid-parameter`.
    static func budget(of query: Query) throws(Problem) -> Duration {
        guard let text = query["timeout"] else { return budget(standard) }
        // With a shorter timeout, Ceph would seem not to answer, and its breaker would open (`Breakers`).
        guard let timeout = duration(text), timeout >= shortest else {
            throw Query.invalid("timeout", "it must be a Go duration of at least 1s, such as 10s")
        }
        return budget(timeout)
    }

    static func budget(_ timeout: Duration) -> Duration {
        timeout - min(largestMargin, timeout / 4)
    }

    /// `time.ParseDuration` for values that are not negative: `10s`, `1m30s`, `1.5s`, `500ms`.
    static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = Substring(text)
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let value = Double(number), let seconds = units[String(unit)] else { return nil }
            total += value * seconds
        }
        // No client waits longer, and a larger value could overflow.
        return .seconds(min(total, 3600))
    }

    private static let units = ["h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9]
}
