// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// The webhook's protocol, as far as it needs no cluster. The reviews are recorded from API servers.
@Suite(.timeLimit(.minutes(5)))
struct AdmissionTests {
    struct Verdict: Decodable {
        struct Response: Decodable {
            struct Status: Decodable {
                struct Details: Decodable {
                    struct Cause: Decodable {
                        var field: String
                    }
                    var name: String?
                    var kind: String?
                    var causes: [Cause]?
                    var retryAfterSeconds: Int?
                }
                var code: Int
                var reason: String
                var message: String
                var details: Details?
            }
            var uid: String
            var allowed: Bool
            var status: Status?
            var warnings: [String]?
        }
        var apiVersion: String
        var kind: String
        var response: Response
    }

    private static let path = "/kubernetes/v1/admission/persistentvolumes"
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("Fixtures/admission")

    private func recorded(_ name: String) throws -> String {
        try String(contentsOf: Self.fixtures.appendingPathComponent("\(name).json"), encoding: .utf8)
    }

    private func withClient(
        _ settings: [String: String] = [:],
        _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        let values = try SettingValues(
            commandLine: ["audit-log": "off"].merging(settings) { $1 },
            environment: [:],
            file: nil
        )
        let service = try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await Application(router: service.buildWebhookRouter()).test(.router) { try await body($0) }
    }

    private func verdict(_ response: TestResponse) throws -> Verdict.Response {
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == "application/json")
        let verdict = try JSONDecoder().decode(Verdict.self, from: Data(response.body.readableBytesView))
        #expect(verdict.apiVersion == "admission.k8s.io/v1")
        #expect(verdict.kind == "AdmissionReview")
        return verdict.response
    }

    private func ask(
        _ client: any TestClientProtocol,
        _ review: String,
        query: String = "?timeout=5s"
    ) async throws -> TestResponse {
        try await client.execute(
            uri: Self.path + query,
            method: .post,
            headers: [.contentType: "application/json"],
            body: ByteBuffer(string: review)
        )
    }

    @Test(arguments: ["pv-csi-update-label", "pv-csi-delete", "pv-csi-dynamic-create"])
    func whatIsNoneOfOursIsAllowedUntouched(name: String) async throws {
        let review = try recorded(name)
        let uid = try #require(review.firstMatch(of: #/"uid":"([0-9a-f-]+)"/#)?.1)
        try await withClient { client in
            let verdict = try verdict(try await ask(client, review))
            #expect(verdict.allowed)
            #expect(verdict.uid == uid)
            #expect(verdict.warnings == nil)
            #expect(verdict.status == nil)
        }
    }

    @Test(
        arguments: [
            "pv-csi-static-create", "pv-csi-static-create-dryrun", "pv-csi-static-create-k8s1.20",
            "pv-intree-rbd-create",
            "pv-intree-rbd-create-dryrun", "pv-intree-rbd-create-k8s1.20",
        ]
    )
    func withoutAClusterNothingIsPromised(name: String) async throws {
        let review = try recorded(name)
        let uid = try #require(review.firstMatch(of: #/"uid":"([0-9a-f-]+)"/#)?.1)
        try await withClient { client in
            let verdict = try verdict(try await ask(client, review))
            #expect(!verdict.allowed)
            #expect(verdict.uid == uid)
            #expect(verdict.status?.code == 503)
            #expect(verdict.status?.reason == "ServiceUnavailable")
            #expect(verdict.status?.message.contains("request id ") == true)
        }
    }

    @Test func whatIsOptedOutIsAllowed() async throws {
        let review = try recorded("pv-csi-static-create").replacing(
            #""metadata":{"name""#,
            with: #""metadata":{"annotations":{"rbd-rest-api.io/ensure":"false"},"name""#
        )
        try await withClient { client in
            let verdict = try verdict(try await ask(client, review))
            #expect(verdict.allowed)
        }
        try await withClient(["kubernetes-opt-in": "true"]) { client in
            let verdict = try verdict(try await ask(client, try recorded("pv-csi-static-create")))
            #expect(verdict.allowed)
        }
    }

    /// A change is never denied, and an image that can't be checked is no reason for it either.
    @Test func aChangedCapacityIsAllowed() async throws {
        let fsid = "ba68226a-672f-4ba5-97bc-22840318b2ec"
        let old = TestVolume(pool: "rbd", fsid: fsid)
        func review(_ change: (inout TestVolume) -> Void) -> String {
            var new = old
            change(&new)
            return new.review(replacing: old)
        }
        let ours = ["kubernetes-cluster-ids": fsid]
        let raised = review { $0.storage = "2Gi" }
        try await withClient(ours) { client in
            let verdict = try verdict(try await ask(client, raised))
            #expect(verdict.allowed)
            #expect(verdict.warnings?.count == 1)
            #expect(verdict.warnings?.first?.contains("compare them with rbdctl image get rbd/vol") == true)
        }
        let unconcerned = [
            review { $0.storage = "1024Mi" }, review { $0.storage = "1Mi" }, review { $0.storage = "nonsense" },
            review { ($0.storage, $0.staticVolume) = ("2Gi", "false") },
            review { ($0.storage, $0.annotations) = ("2Gi", ["rbd-rest-api.io/ensure": "false"]) },
        ]
        let others = [
            ["kubernetes-cluster-ids": "mine"], ["kubernetes-cluster-ids": fsid, "kubernetes-pools": "kube"],
            ["kubernetes-cluster-ids": fsid, "kubernetes-opt-in": "true"],
        ]
        var cases = unconcerned.map { (ours, $0) }
        cases += others.map { ($0, raised) }
        for (settings, text) in cases {
            try await withClient(settings) { client in
                let verdict = try verdict(try await ask(client, text))
                #expect(verdict.allowed)
                #expect(verdict.warnings == nil, "\(settings) \(text)")
            }
        }
    }

    /// It is allowed, but its author is told that it has no image.
    @Test func aStaticVolumeOfADriverThatIsNotConfiguredIsToldSo() async throws {
        let review = try recorded("pv-csi-static-create").replacing(
            #""driver":"rbd.csi.ceph.com""#,
            with: #""driver":"rook-ceph.rbd.csi.ceph.com""#
        )
        for settings in [[:], ["kubernetes-quiet": "true"]] as [[String: String]] {
            try await withClient(settings) { client in
                let verdict = try verdict(try await ask(client, review))
                #expect(verdict.allowed)
                #expect(verdict.warnings?.count == 1)
                #expect(verdict.warnings?.first?.contains("kubernetes-drivers") == true)
            }
        }
        try await withClient(["kubernetes-drivers": "*.rbd.csi.ceph.com", "kubernetes-cluster-ids": "mine"]) { client in
            let verdict = try verdict(try await ask(client, review))
            #expect(!verdict.allowed)
            #expect(verdict.status?.message.contains("clusterID") == true)
        }
    }

    @Test func aVolumeThatCanNeverBeAttachedIsDenied() async throws {
        var volume = TestVolume(pool: "rbd", fsid: "ba68226a-672f-4ba5-97bc-22840318b2ec")
        volume.secrets.append("controllerPublishSecretRef")
        try await withClient { [volume] client in
            let status = try verdict(try await ask(client, volume.review())).status
            #expect(status?.reason == "Forbidden")
            #expect(status?.message.hasPrefix("spec.csi.controllerPublishSecretRef: ") == true)
            #expect(status?.details?.causes?.map(\.field) == ["spec.csi.controllerPublishSecretRef"])
        }
    }

    @Test func aVolumeThatIsAlmostStaticIsAllowedWithAWarning() async throws {
        var volume = TestVolume(pool: "rbd", fsid: "ba68226a-672f-4ba5-97bc-22840318b2ec")
        volume.staticVolume = "yes"
        try await withClient { [volume] client in
            let verdict = try verdict(try await ask(client, volume.review()))
            #expect(verdict.allowed)
            #expect(verdict.warnings?.count == 1)
            #expect(verdict.warnings?.first?.contains("staticVolume is \"yes\"") == true)
        }
    }

    @Test func aPoolThatIsNotListedIsDenied() async throws {
        try await withClient([
            "kubernetes-pools": "kube", "kubernetes-cluster-ids": "ba68226a-672f-4ba5-97bc-22840318b2ec",
        ]) {
            client in
            let verdict = try verdict(try await ask(client, try recorded("pv-csi-static-create")))
            #expect(!verdict.allowed)
            #expect(verdict.status?.code == 403)
            #expect(verdict.status?.reason == "Forbidden")
            #expect(verdict.status?.message.contains("choose one of kube") == true)
        }
    }

    @Test func anotherClustersVolumeIsDenied() async throws {
        try await withClient(["kubernetes-cluster-ids": "mine"]) { client in
            let verdict = try verdict(try await ask(client, try recorded("pv-csi-static-create")))
            #expect(!verdict.allowed)
            #expect(verdict.status?.code == 403)
            #expect(verdict.status?.reason == "Forbidden")
            #expect(verdict.status?.message.contains("spec.csi.volumeAttributes.clusterID") == true)
        }
    }

    /// If the object is wrong, the verdict says so to the author of the object.
    @Test(
        arguments: [
            (#""storage":"1Gi""#, #""storage":"1GiB""#, "spec.capacity.storage"),
            (#""storage":"1Gi""#, #""other":"1Gi""#, "spec.capacity.storage"),
            (#""storage":"1Gi""#, #""storage":true"#, "spec.capacity.storage"),
            (#""staticVolume":"true""#, #""staticVolume":true"#, "spec.csi.volumeAttributes.staticVolume"),
            (#""volumeHandle":"static-image","#, "", "spec.csi.volumeHandle"),
            (#""volumeHandle":"static-image""#, #""volumeHandle":7"#, "spec.csi.volumeHandle"),
            (
                #""volumeHandle":"static-image""#,
                #""volumeHandle":"0001-0009-rook-ceph-0000000000000002-5f6c2a5e-0c1d-11ef-9d3c-0242ac110002""#,
                "spec.csi.volumeHandle"
            ),
            (#""driver":"rbd.csi.ceph.com","#, "", "spec.csi.driver"),
            (#""spec":{"capacity""#, #""other":{"capacity""#, "spec"),
            (#""pool":"rbd","#, "", "spec.csi.volumeAttributes.pool"),
            (#""clusterID":"ba68226a-672f-4ba5-97bc-22840318b2ec","#, "", "spec.csi.volumeAttributes.clusterID"),
        ]
    )
    func anObjectThatIsWrongIsDenied(part: String, other: String, field: String) async throws {
        let recorded = try recorded("pv-csi-static-create")
        // Take the last one, because the managed fields mention the fields, too.
        let range = try #require(recorded.ranges(of: part).last)
        let review = recorded.replacingCharacters(in: range, with: other)
        try await withClient(["kubernetes-cluster-ids": "ba68226a-672f-4ba5-97bc-22840318b2ec"]) { client in
            let verdict = try verdict(try await ask(client, review))
            #expect(!verdict.allowed)
            #expect(verdict.status?.code == 403)
            #expect(verdict.status?.message.contains(field) == true, "\(verdict.status?.message ?? "")")
        }
    }

    @Test func anObjectThatIsNotThereIsDenied() async throws {
        let head =
            #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","#
        let resource = #""resource":{"group":"","version":"v1","resource":"persistentvolumes"}"#
        try await withClient { client in
            for review in ["\(head)\(resource)}}", "\(head)\(resource),\"object\":null}}"] {
                let verdict = try verdict(try await ask(client, review))
                #expect(!verdict.allowed)
                #expect(verdict.uid == "u")
                #expect(verdict.status?.message.contains("request.object") == true)
            }
        }
    }

    @Test func othersKindsAreAllowed() async throws {
        let review = try recorded("pv-csi-static-create")
            .replacing(#""resource":"persistentvolumes""#, with: #""resource":"pods""#)
        try await withClient { client in
            let verdict = try verdict(try await ask(client, review))
            #expect(verdict.allowed)
        }
    }

    @Test(
        arguments: [
            ("", "malformed-body", "empty"), ("{", "malformed-body", "not JSON"),
            ("[]", "malformed-body", "JSON object"),
            ("{}", "malformed-body", "apiVersion"), ("\u{FEFF}null", "malformed-body", "null"),
            (
                #"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}"#, "malformed-body",
                "admissionReviewVersions"
            ),
            (#"{"apiVersion":"v1","kind":"Pod"}"#, "malformed-body", "Pod"),
            (#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#, "malformed-body", "request"),
            (
                #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}"#, "malformed-body",
                "request.uid"
            ),
            (
                #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"","operation":"CREATE","#
                    + #""resource":{"group":"","version":"v1","resource":"persistentvolumes"}}}"#, "malformed-body",
                "request.uid"
            ),
            (
                #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE"}}"#,
                "malformed-body", "request.resource"
            ),
        ]
    )
    func whatIsNoReviewIsRefused(body: String, code: String, word: String) async throws {
        try await withClient { client in
            let response = try await ask(client, body)
            #expect(response.status == .badRequest)
            let problem = try JSONDecoder().decode(Problem.self, from: Data(response.body.readableBytesView))
            #expect(problem.code == code)
            #expect("\(problem.detail) \(problem.hint ?? "")".contains(word), "\(problem.detail)")
        }
    }

    @Test func aReviewMayBeLargeButNotWithoutLimit() async throws {
        let recorded = try recorded("pv-csi-update-label")
        @Sendable func padded(_ bytes: Int) -> String {
            recorded.replacing(
                #""labels":{"a":"b"}"#,
                with: #""labels":{"a":"\#(String(repeating: "b", count: bytes))"}"#
            )
        }
        try await withClient { client in
            let verdict = try verdict(try await ask(client, padded(6 << 20)))
            #expect(verdict.allowed)
            let response = try await ask(client, padded(AdmissionController.maximumBodyBytes))
            #expect(response.status == .contentTooLarge)
        }
    }

    @Test func whatIsAtFaultIsNamedToProgramsToo() async throws {
        try await withClient(["kubernetes-cluster-ids": "mine"]) { client in
            let status = try verdict(try await ask(client, try recorded("pv-csi-static-create"))).status
            #expect(status?.details?.kind == "PersistentVolume")
            #expect(status?.details?.name?.isEmpty == false)
            #expect(status?.details?.causes?.map(\.field) == ["spec.csi.volumeAttributes.clusterID"])
            #expect(status?.details?.retryAfterSeconds == nil)
        }
    }

    /// Clients are told to wait only for conditions that end soon.
    @Test(
        arguments: [
            (.imageIncomplete, 503, "ServiceUnavailable", 5), (.overloaded, 503, "ServiceUnavailable", 1),
            (.poolUnavailable, 503, "ServiceUnavailable", nil), (.clusterUnavailable, 503, "ServiceUnavailable", nil),
            (.deadlineExceeded, 504, "Timeout", nil), (.credentialsRefused, 500, "InternalError", nil),
            (.poolFull, 500, "InternalError", nil), (.imageDiffers, 403, "Forbidden", nil),
            (.poolNotFound, 403, "Forbidden", nil), (.imageExists, 403, "Forbidden", nil),
        ] as [(ProblemCode, Int, String, Int?)]
    )
    func aDenialSaysWhatClientsAreToDo(code: ProblemCode, status: Int, reason: String, pause: Int?) throws {
        let answer = AdmissionAnswer.denied("u", Problem(code, detail: "it is so"), volume: "pv", requestID: "r")
        let denial = try #require(answer.response.status)
        #expect(!answer.response.allowed)
        #expect(denial.code == status)
        #expect(denial.reason == reason)
        #expect(denial.details?.retryAfterSeconds == pause)
        #expect(denial.message.hasPrefix("it is so"))
    }

    @Test func warningsAreSuchAsAPIServersPassOn() {
        #expect(AdmissionWarning.text("image rbd/größe is there") == "image rbd/größe is there")
        #expect(AdmissionWarning.text("a\nb\u{7}c\u{202E}d") == "a\\u{a}b\\u{7}c\\u{202e}d")
        let long = AdmissionWarning.text(String(repeating: "ä", count: 1000))
        #expect(long.unicodeScalars.count == AdmissionWarning.maximumCharacters)
        #expect(long.hasSuffix("…"))
    }

    @Test func verdictsAreCounted() async throws {
        let values = try SettingValues(
            commandLine: ["audit-log": "off", "kubernetes-pools": "kube"],
            environment: [:],
            file: nil
        )
        let service = try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await Application(router: service.buildWebhookRouter()).test(.router) { client in
            _ = try await ask(client, try recorded("pv-intree-rbd-create"))
            _ = try await ask(client, try recorded("pv-intree-rbd-create-dryrun"))
            _ = try await ask(client, try recorded("pv-csi-delete"))
        }
        let exposition = try Exposition(service.telemetry.exposition)
        func count(_ verdict: String, _ code: String, _ isDryRun: String) -> [Double] {
            exposition.values(
                "rbd_rest_api_admission_reviews_total",
                ["verdict": verdict, "code": code, "dry_run": isDryRun]
            )
        }
        #expect(count("denied", "pool-not-allowed", "false") == [1])
        #expect(count("denied", "pool-not-allowed", "true") == [1])
        #expect(count("skipped", "", "false") == [1])
    }

    /// The webhook's port and the API's port serve only their own requests.
    @Test func theAPIsPortTakesNoReviews() async throws {
        let values = try SettingValues(commandLine: ["audit-log": "off"], environment: [:], file: nil)
        let service = try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await Application(router: service.buildRouter()).test(.router) { client in
            let response = try await ask(client, try recorded("pv-csi-static-create"))
            #expect(response.status == .notFound)
        }
    }

    @Test func nothingElseIsServedThere() async throws {
        try await withClient { client in
            for path in ["/v1/pools", "/livez", "/metrics", "/openapi.yaml", "/kubernetes/v1/persistentvolumes", "/"] {
                let response = try await client.execute(uri: path, method: .get)
                #expect(response.status == .notFound, "\(path)")
            }
            let response = try await client.execute(uri: Self.path, method: .get)
            #expect(response.status == .methodNotAllowed)
        }
    }

    @Test(
        arguments: [
            ("10s", 9000), ("30s", 29_000), ("1s", 750), ("5s", 4000), ("1000ms", 750), ("1m", 59_000),
            ("1m30s", 89_000), ("1.5s", 1125), ("1h", 3_599_000), ("99999h", 3_599_000),
        ]
    )
    func theTimeoutLeavesAMargin(text: String, milliseconds: Int) throws {
        let duration = try #require(AdmissionTimeout.duration(text))
        #expect(AdmissionTimeout.budget(duration) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "s", "10", "-5s", "5 s", "5sec", "1e3s", "0s", "0", "999ms", "4ms", "..s", "५s", "NaNs", "infs",
    ])
    func aTimeoutThatIsNoneIsRefused(text: String) async throws {
        let encoded = PercentEncoding.encode(text)
        try await withClient { client in
            let response = try await ask(client, try recorded("pv-csi-delete"), query: "?timeout=\(encoded)")
            #expect(response.status == .badRequest)
        }
    }

    @Test func withoutATimeoutTheUsualOneCounts() async throws {
        try await withClient { client in
            let verdict = try verdict(try await ask(client, try recorded("pv-csi-delete"), query: ""))
            #expect(verdict.allowed)
        }
    }
}
