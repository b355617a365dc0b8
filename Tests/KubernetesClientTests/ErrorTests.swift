// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

@Suite struct ErrorTests {
    @Test func aStatusKeepsItsReasonAndCauses() {
        let body = """
            {"kind":"Status","apiVersion":"v1","status":"Failure","message":"PersistentVolume \\"a\\" is invalid",\
            "reason":"Invalid","details":{"causes":[{"reason":"FieldValueRequired","message":"required","field":"spec"}]},\
            "code":422}
            """
        let error = KubernetesError(code: 422, body: Array(body.utf8), retryAfter: nil)
        #expect(error.reason == .invalid)
        #expect(error.code == 422)
        #expect(error.message == #"PersistentVolume "a" is invalid"#)
        #expect(error.causes == [KubernetesError.Cause(field: "spec", message: "required")])
        #expect(!error.mayHaveBeenMade)
    }

    @Test func theHeaderTakesPrecedenceForThePause() {
        let body = #"{"kind":"Status","reason":"TooManyRequests","details":{"retryAfterSeconds":5}}"#
        #expect(KubernetesError(code: 429, body: Array(body.utf8), retryAfter: nil).retryAfterSeconds == 5)
        #expect(KubernetesError(code: 429, body: Array(body.utf8), retryAfter: 2).retryAfterSeconds == 2)
    }

    @Test(arguments: [
        (404, KubernetesError.Reason.notFound), (503, KubernetesError.Reason.serviceUnavailable),
        (418, KubernetesError.Reason.unknown), (410, KubernetesError.Reason.gone),
    ])
    func otherBodiesGetTheReasonOfTheirStatus(code: Int, reason: KubernetesError.Reason) {
        let error = KubernetesError(code: code, body: Array("<html>\n no </html>".utf8), retryAfter: nil)
        #expect(error.reason == reason)
        #expect(error.message == "<html> no </html>")
    }

    @Test func expiryIsKnownByStatusAndByReason() {
        #expect(KubernetesError(.gone, message: "").isExpired)
        #expect(KubernetesError(.expired, message: "").isExpired)
        #expect(KubernetesError(.unknown, code: 410, message: "").isExpired)
        #expect(!KubernetesError(.notFound, code: 404, message: "").isExpired)
    }

    @Test func reasonsCanBeCaught() {
        do {
            throw KubernetesError(.conflict, message: "")
        } catch KubernetesError.Reason.notFound {
            Issue.record("this is not the reason")
        } catch KubernetesError.Reason.conflict {
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func aTimeLimitIsNotALostConnection() {
        #expect(KubernetesError(connection: TimeLimitPassed(limit: .seconds(3))).reason == .noAnswer)
        #expect(KubernetesError(connection: JSONError(offset: 0, reason: "")).reason == .invalidAnswer)
    }
}
